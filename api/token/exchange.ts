import { recordAudit } from '../../db/audit.ts'
import { askSyncsAtSignIn } from '../../db/catalogue-asks.ts'
import type { Trx } from '../../db/connect.ts'
import { forgetExchanged, resolveSubject } from '../../db/exchanges.ts'
import { notePassed } from '../../db/gate.ts'
import { isInvited } from '../../db/invited.ts'
import { mayHoldToken } from '../../db/leaving.ts'
import { createToken } from '../../db/tokens.ts'
import type { Scope } from '../../domain/authorization.ts'
import { exchangedUntil, exchangeScopes, readScopes, subjectEnds } from '../../domain/exchange.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId } from '../../domain/ids.ts'
import { isInOneOf } from '../../domain/sign-in.ts'
import type { SignInFailure } from '../../domain/sign-in.ts'
import type { SubjectRead, SubjectTokenKind } from '../../ports/identity/identity-provider.ts'
import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import type { Issuer, SignInDeps } from '../sign-in/issuers.ts'
import { auditRefusal } from '../sign-in/refusals.ts'
import { withdrawAccess } from '../sign-in/withdrawal.ts'
import type { Refusal } from './answers.ts'

const kinds: Readonly<Record<string, SubjectTokenKind>> = {
  'urn:ietf:params:oauth:token-type:access_token': 'access_token',
  'urn:ietf:params:oauth:token-type:id_token': 'id_token',
}
export const issuedType = 'urn:ietf:params:oauth:token-type:access_token'
/** Clocks of issuers and ours differ by so much at most. */
const skewSeconds = 30

export interface Issued {
  readonly secret: string
  readonly expiresAt: Date
  readonly scopes: readonly Scope[]
}
type Subject = Extract<SubjectRead, { kind: 'read' }>

/** Exchanges the token of an issuer that the site knows for a token of Carrel's (RFC 8693). Throws 503 where its keys cannot be had. */
export async function exchange(
  c: AppContext,
  deps: SignInDeps,
  form: Readonly<Record<string, string>>,
): Promise<Issued | Refusal> {
  const asked = readAsked(form)
  if ('error' in asked) return asked
  const issuer = deps.issuers.find((one) => one.provider.issuer === issuerNamedBy(asked.token))
  if (issuer === undefined) return invalidToken
  const read = await issuer.provider.readSubject(asked.token, asked.kind)
  if (read.kind !== 'read') {
    c.var.services.log.warn({ issuer: issuer.id, detail: read.detail }, 'A token was not exchanged.')
    if (read.kind === 'invalid') return invalidToken
    throw new Problem('unavailable', 'The keys that it is signed with cannot be read now. Try again soon.')
  }
  const outcome = await admit(c, issuer, read, asked.scopes)
  if (typeof outcome !== 'string') return outcome
  // Only of tokens that hold: of those that somebody made up nothing is told but in the log.
  const action = c.var.operation
  const detail = { reason: outcome }
  await auditRefusal(c, { client: clientOf(issuer), action, issuer: issuer.id, code: 'forbidden', detail })
  return { error: 'invalid_request', description: 'The token holds, and is not taken here.', reason: outcome }
}

/** `groups_stale`: what the token says of groups is too old to be taken, or older than that they were left. */
type Outcome = Issued | SignInFailure | 'groups_stale'

async function admit(c: AppContext, issuer: Issuer, read: Subject, scopes: readonly Scope[]): Promise<Outcome> {
  const { allowedGroups } = issuer
  const endsAt = subjectEnds(Date.now(), read, allowedGroups !== null, skewSeconds)
  if (endsAt === null) return 'groups_stale'
  const { claims, issuedAt: at } = read
  if (allowedGroups !== null && !isInOneOf(claims.groups ?? [], allowedGroups)) {
    const { services, requestId } = c.var
    const client = clientOf(issuer)
    // One that says nothing of groups takes nothing back.
    if (claims.groups !== null)
      await withdrawAccess(services.db, issuer, { subject: claims.subject, at, client, requestId })
    return 'not_in_group'
  }
  return await issue(c, issuer, { claims, issuedAt: at, endsAt }, scopes)
}

const clientOf = ({ id }: Issuer): string => `exchange-${id}`

interface Asked {
  readonly token: string
  readonly kind: SubjectTokenKind
  readonly scopes: readonly Scope[]
}

function readAsked(form: Readonly<Record<string, string>>): Asked | Refusal {
  const { subject_token: token, subject_token_type: type = '', requested_token_type: wanted = issuedType } = form
  const kind = kinds[type]
  if (token === undefined || kind === undefined)
    return { error: 'invalid_request', description: 'Send a subject_token, of the type access_token or id_token.' }
  if (form['actor_token'] !== undefined || form['actor_token_type'] !== undefined)
    return { error: 'invalid_request', description: 'Nobody acts for somebody by an exchange.' }
  if (wanted !== issuedType) return { error: 'invalid_request', description: 'Only access tokens are issued here.' }
  if (form['resource'] !== undefined || form['audience'] !== undefined)
    return { error: 'invalid_target', description: 'Tokens are issued for this api alone: name no other.' }
  const scopes = readScopes(form['scope'], exchangeScopes, exchangeScopes)
  if (scopes === null) return { error: 'invalid_scope', description: `Ask for some of: ${exchangeScopes.join(' ')}.` }
  return { token, kind, scopes }
}

/** Nothing of it tells which part does not hold: the log does. */
const invalidToken: Refusal = { error: 'invalid_request', description: 'The subject_token is not one that is taken.' }

/** Whom a token says that it is of. Believed of nobody: it only says whose keys it is held against. */
function issuerNamedBy(token: string): string | null {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const named = typeof payload === 'object' && payload !== null && 'iss' in payload ? payload.iss : null
    return typeof named === 'string' ? named : null
  } catch {
    return null
  }
}

async function issue(
  c: AppContext,
  issuer: Issuer,
  { claims, issuedAt, endsAt }: Pick<Subject, 'claims' | 'issuedAt'> & { readonly endsAt: number },
  scopes: readonly Scope[],
): Promise<Outcome> {
  const { db, posixSources, settings } = c.var.services
  const said = issuer.saysPosix === true && claims.posix !== null ? { value: claims.posix } : undefined
  const findings = (await posixSources?.find({ claim: said, officeLogin: claims.officeLogin })) ?? []
  const id = newId('token')
  return await db.transaction().execute(async (trx) => {
    const resolved = await resolveSubject(trx, claims, { firstSignIn: issuer.firstSignIn, isInvited })
    if (resolved.kind === 'refused') return resolved.code
    const { accountId } = resolved
    if (!(await mayHoldToken(trx, accountId))) return 'account_disabled'
    if (issuer.allowedGroups !== null && !(await notePassed(trx, claims, issuedAt))) return 'groups_stale'
    await posixSources?.settle(trx, accountId, findings)
    // To a portal's people this is the sign-in.
    await askSyncsAtSignIn(trx, accountId, settings.catalogues ?? [])
    await forgetExchanged(trx, accountId)
    const client = clientOf(issuer)
    const expiresAt = new Date(exchangedUntil(Date.now(), endsAt, skewSeconds))
    const name = `From ${issuer.name}`
    const token = { id, accountId, client, name, scopes, expiresAt, exchanged: true }
    const secret = await createToken(trx, token)
    const made = resolved.kind === 'made' ? { made: true } : {}
    await auditIssued(c, trx, { accountId, client }, { issuer: issuer.id, token: id, ...made })
    return { secret, expiresAt, scopes }
  })
}

/** Notes that a token was given to somebody by this operation. */
export async function auditIssued(
  c: AppContext,
  trx: Trx,
  { accountId, client }: { readonly accountId: AccountId; readonly client: string },
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await recordAudit(trx, {
    accountId,
    client,
    onBehalfOf: null,
    action: c.var.operation,
    subject: { kind: 'account', id: accountId },
    outcome: 'accepted',
    requestId: c.var.requestId,
    detail,
  })
}
