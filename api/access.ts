import { createHash, timingSafeEqual } from 'node:crypto'
import { recordAudit } from '../db/audit.ts'
import type { Bearer } from '../db/bearers.ts'
import { errorCodes } from '../domain/errors.ts'
import type { ErrorCode } from '../domain/errors.ts'
import { idPattern } from '../domain/ids.ts'
import { can, isOperator, mayTry, needsRelation } from '../domain/authorization.ts'
import type { Relation, Right } from '../domain/authorization.ts'
import type { Subject } from './changes.ts'
import { deedOf } from './env.ts'
import type { AppContext, Variables } from './env.ts'
import { notFound, nothingHere, Problem } from './problem.ts'

/** The thing a route is about: how it is called, and what the caller is to it. `null`: there is none. */
export interface RouteSubject {
  readonly kind: string
  /** The path parameter that names it; absent where the body does. */
  readonly param?: string
  readonly relation: (c: AppContext) => Promise<Relation | null>
  /** Reads who calls, of whoever speaks for himself, and keeps what it read of the thing in the same statement. `null`: nobody. */
  readonly bearer?: (c: AppContext, secret: string) => Promise<Bearer | null>
}

/** What the audit says that a refused change was about, where no path names it; `null` while its body is not read. */
export type About = (said: Variables['said']) => Subject

/** What of a route decides who is let in, and what the audit says of it. */
export interface Guarded {
  readonly right: Right
  readonly subject: RouteSubject | undefined
  readonly about: About | undefined
}

/** What there is one of. */
export const installation: Subject = { kind: 'installation', id: null }

const forbidden = () => new Problem('forbidden', 'Your role or your token does not allow this.')

/** The path's random part is all that this kind of route asks for; a wrong one is an address that is not there. */
export function checkCapability(c: AppContext): void {
  c.set('unlogged', true)
  const expected = c.var.services.settings.codecCapability
  const given = c.req.param('capability') ?? ''
  const digest = (text: string) => createHash('sha256').update(text).digest()
  if (expected === null || !timingSafeEqual(digest(given), digest(expected)))
    throw new Problem('not_found', nothingHere)
}

/** What can be refused before the thing is looked at. */
export function checkReach(c: AppContext, right: Right): void {
  const { actor } = c.var.principal
  if (!mayTry(actor, right)) throw forbidden()
  if (!needsRelation(right) && can(actor, right) !== 'yes') throw forbidden()
  // What belongs to the whole installation tells of everybody's sessions.
  if (right === 'operate:read') c.set('othersRead', true)
}

/** What a token could have others do in its owner's name, the owner does in person. */
export function checkAttended(c: AppContext): void {
  if (!c.var.principal.browser)
    throw new Problem('browser_required', 'This is done by a person, in a browser that is signed in. No token does it.')
}

/** Refuses by what the caller is to the thing; what it may not know of is 404, exactly as what is not there. */
export async function checkRelation(c: AppContext, right: Right, subject: RouteSubject): Promise<void> {
  const { actor } = c.var.principal
  const relation = await subject.relation(c)
  const verdict = relation === null ? 'hidden' : needsRelation(right) ? can(actor, right, relation) : 'yes'
  if (verdict === 'hidden') throw notFound(subject.kind)
  if (verdict === 'no') throw forbidden()
  const own =
    relation?.isOwner === true || (relation?.projectRole ?? null) !== null || relation?.isCollaborator === true
  if (!own && isOperator(actor)) c.set('othersRead', true)
}

/** Refusals of what was understood: who is not signed in, too fast or unreadable changed nothing and is counted elsewhere. */
const audited: readonly number[] = [403, 404, 409, 412, 422, 428]

/** Rights of POSTs that change nothing: what they are asked stands in a body for other reasons. */
const readOnlyPosts: readonly Right[] = ['session:preview', 'invitation:view']

const isRefusal = (code: ErrorCode): boolean => code === 'maintenance' || audited.includes(errorCodes[code])

/** After the answer: a refused change, or an operator's read, goes into the audit. */
export async function auditAnswer(c: AppContext, { right, subject, about }: Guarded): Promise<void> {
  const { code, services, othersRead, said } = c.var
  const reads = c.req.method === 'GET' || c.req.method === 'HEAD' || readOnlyPosts.includes(right)
  const refused = code !== null && isRefusal(code)
  // A read that failed told nothing.
  if (reads ? code !== null || !othersRead : !refused) return
  const named = subject?.param === undefined ? '' : (c.req.param(subject.param) ?? '')
  await recordAudit(services.db, {
    ...deedOf(c),
    subject: about?.(said) ?? { kind: subject?.kind ?? 'list', id: idPattern.test(named) ? named : null },
    outcome: refused ? 'refused' : 'accepted',
    ...(code === null ? {} : { code }),
  })
}
