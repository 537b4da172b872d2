import { createHash, timingSafeEqual } from 'node:crypto'
import { recordAudit } from '../db/audit.ts'
import { errorCodes } from '../domain/errors.ts'
import { idPattern } from '../domain/ids.ts'
import { can, isOperator, mayTry, needsRelation } from '../domain/rights.ts'
import type { Relation, Right } from '../domain/rights.ts'
import { deedOf } from './env.ts'
import type { AppContext } from './env.ts'
import { notFound, nothingHere, Problem } from './problem.ts'

/** The thing a route is about: how it is called, and what the caller is to it. `null`: there is none. */
export interface RouteSubject {
  readonly kind: string
  /** The path parameter that names it; absent where the body does. */
  readonly param?: string
  readonly relation: (c: AppContext) => Promise<Relation | null>
}

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
}

/** Refuses by what the caller is to the thing; what it may not know of is 404, exactly as what is not there. */
export async function checkRelation(c: AppContext, right: Right, subject: RouteSubject): Promise<void> {
  const { actor } = c.var.principal
  const relation = await subject.relation(c)
  const verdict = relation === null ? 'hidden' : needsRelation(right) ? can(actor, right, relation) : 'yes'
  if (verdict === 'hidden') throw notFound(subject.kind)
  if (verdict === 'no') throw forbidden()
  const own = relation?.isOwner === true || (relation?.projectRole ?? null) !== null
  // What is the installation's own is nobody else's.
  if (!own && isOperator(actor) && right !== 'operate:read') c.set('othersRead', true)
}

/** Refusals of what was understood: who is not signed in, too fast or unreadable changed nothing and is counted elsewhere. */
const audited: readonly number[] = [403, 404, 409, 412, 422, 428]

/** After the answer: a refused change, or an operator's look at what is others', goes into the audit. */
export async function auditAnswer(c: AppContext, right: Right, subject: RouteSubject | undefined): Promise<void> {
  const { code, services, othersRead } = c.var
  const reads = c.req.method === 'GET' || c.req.method === 'HEAD' || right === 'session:preview'
  const refused = code !== null && audited.includes(errorCodes[code])
  if (reads ? refused || !othersRead : !refused) return
  const named = subject?.param === undefined ? '' : (c.req.param(subject.param) ?? '')
  await recordAudit(services.db, {
    ...deedOf(c),
    subject: { kind: subject?.kind ?? 'list', id: idPattern.test(named) ? named : null },
    outcome: refused ? 'refused' : 'accepted',
    ...(code === null ? {} : { code }),
  })
}
