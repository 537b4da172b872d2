import { openBrowserSession, revokeBrowserSessions } from '../../db/browser-sessions.ts'
import { recordAudit } from '../../db/audit.ts'
import { askSyncsAtSignIn } from '../../db/catalogue-asks.ts'
import type { Trx } from '../../db/connect.ts'
import { notePassed } from '../../db/gate.ts'
import { isInvited } from '../../db/invited.ts'
import { resolveIdentity, resolveLink, takeSignIn } from '../../db/sign-ins.ts'
import type { PendingSignIn } from '../../db/sign-ins.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, TokenId } from '../../domain/ids.ts'
import { isInOneOf } from '../../domain/sign-in.ts'
import type { SignInFailure } from '../../domain/sign-in.ts'
import type { Finished } from '../../ports/identity/identity-provider.ts'
import type { PosixFindings } from '../accounts/posix-sources.ts'
import type { AppContext } from '../env.ts'
import { addressOf } from './address.ts'
import { bindingOf, browserSecretOf, keepBrowserSession, marksOf } from './cookies.ts'
import type { Issuer, SignInDeps } from './issuers.ts'
import { auditRefusal } from './refusals.ts'
import { withdrawAccess } from './withdrawal.ts'

/** What came of a sign-in, and where its browser goes. */
export interface Outcome {
  readonly returnUrl: string
  readonly failure: SignInFailure | 'sign_in_expired' | 'other_browser' | null
}

type SignedIn = Extract<Finished, { kind: 'signed_in' }>

/** Ends what `begin` began: once, in the same browser, with the same issuer. */
export async function complete(
  c: AppContext,
  deps: SignInDeps,
  issuer: Issuer,
  query: URLSearchParams,
): Promise<Outcome> {
  const { db } = c.var.services
  const binding = bindingOf(c, deps)
  const state = query.get('state') ?? ''
  const usual = deps.returnUrls[0] ?? '/'
  const taken = await takeSignIn(db, { state, binding, issuer: issuer.id })
  if (binding === null || taken.kind !== 'taken') {
    const failure = taken.kind === 'other_browser' ? 'other_browser' : 'sign_in_expired'
    return { returnUrl: usual, failure }
  }
  const { pending } = taken
  const since = pending.link === null ? null : pending.begunAt
  const finished = await issuer.provider.finish(query, marksOf(binding, state), since)
  const failure = await finish(c, deps, issuer, pending, finished)
  if (failure !== null) {
    const accountId = pending.link?.accountId ?? null
    const action = accountId === null ? 'signIn' : 'linkOwnIdentity'
    await auditRefusal(c, { accountId, client: 'browser', action, issuer: issuer.id, code: failure })
  }
  return { returnUrl: pending.returnUrl, failure }
}

async function finish(
  c: AppContext,
  deps: SignInDeps,
  issuer: Issuer,
  pending: PendingSignIn,
  finished: Finished,
): Promise<SignInFailure | null> {
  if (finished.kind !== 'signed_in') {
    c.var.services.log.warn({ issuer: issuer.id, kind: finished.kind, detail: finished.detail }, 'A sign-in failed.')
    return failureOf(finished)
  }
  if (issuer.allowedGroups !== null && !isInOneOf(finished.claims.groups, issuer.allowedGroups)) {
    const { subject } = finished.claims
    const { db } = c.var.services
    await withdrawAccess(db, issuer, { subject, at: null, client: 'browser', requestId: c.var.requestId })
    return 'not_in_group'
  }
  const findings = await findPosix(c, issuer, finished)
  const before = await currentSession(c)
  if (pending.link === null) return await signIn(c, deps, issuer, finished, { before, findings })
  if (before !== pending.link.tokenId) return 'not_signed_in'
  return await link(c, issuer, finished, { linking: pending.link, findings })
}

function failureOf({ kind }: Exclude<Finished, SignedIn>): SignInFailure {
  switch (kind) {
    case 'cancelled':
      return 'sign_in_cancelled'
    case 'invalid':
      return 'provider_answer_invalid'
    case 'unavailable':
      return 'provider_unavailable'
    default:
      return kind satisfies never
  }
}

/** The browser session that the browser has already; `null`: none that holds. */
async function currentSession(c: AppContext): Promise<TokenId | null> {
  const secret = browserSecretOf(c)
  return secret === null ? null : ((await c.var.services.findBearer(secret))?.tokenId ?? null)
}

/** Whom the issuer and the site's directories say that this is: asked before anything is locked. */
async function findPosix(
  c: AppContext,
  issuer: Pick<Issuer, 'saysPosix'>,
  { claims }: Pick<SignedIn, 'claims'>,
): Promise<PosixFindings> {
  const claim = issuer.saysPosix === true ? { value: claims.posix } : undefined
  return (await c.var.services.posixSources?.find({ claim, officeLogin: claims.officeLogin })) ?? []
}

/** Signs a browser in as somebody whom the site's user office knows: no page of an issuer was asked. `null`: it is done. */
export async function signInAs(
  c: AppContext,
  deps: SignInDeps,
  { firstSignIn }: Pick<Issuer, 'firstSignIn'>,
  { issuerId: id, claims }: { readonly issuerId: string; readonly claims: SignedIn['claims'] },
): Promise<SignInFailure | null> {
  const findings = await findPosix(c, {}, { claims })
  const before = await currentSession(c)
  const issuer = { id, firstSignIn, allowedGroups: null }
  return await signIn(c, deps, issuer, { claims, sid: null, tokens: null }, { before, findings })
}

async function signIn(
  c: AppContext,
  deps: SignInDeps,
  issuer: Pick<Issuer, 'id' | 'firstSignIn' | 'allowedGroups'>,
  { claims, sid, tokens }: Pick<SignedIn, 'claims' | 'sid'> & { readonly tokens: SignedIn['tokens'] | null },
  { before, findings }: { readonly before: TokenId | null; readonly findings: PosixFindings },
): Promise<SignInFailure | null> {
  const id = newId('token')
  const outcome = await c.var.services.db.transaction().execute(async (trx) => {
    const resolved = await resolveIdentity(trx, claims, { firstSignIn: issuer.firstSignIn, isInvited })
    if (resolved.kind === 'refused') return resolved
    if (issuer.allowedGroups !== null) await notePassed(trx, claims)
    await c.var.services.posixSources?.settle(trx, resolved.accountId, findings)
    // What is known of what they belong to may be old: catalogues are asked while the page loads.
    await askSyncsAtSignIn(trx, resolved.accountId, c.var.services.settings.catalogues ?? [])
    // Who signs in anew in a browser leaves nothing open behind it.
    if (before !== null) await revokeBrowserSessions(trx, { id: before })
    const opened = await openBrowserSession(trx, {
      id,
      accountId: resolved.accountId,
      issuer: claims.issuer,
      subject: claims.subject,
      sid,
      limits: deps.limits,
      userAgent: c.req.header('user-agent') ?? null,
      address: addressOf(c, deps),
      rechecked: issuer.allowedGroups !== null,
      ...(tokens === null ? {} : { tokens: deps.sealTokens(id, tokens) }),
    })
    const detail = { issuer: issuer.id, browserSession: id, ...(resolved.kind === 'made' ? { made: true } : {}) }
    await auditAccepted(c, trx, resolved.accountId, 'signIn', detail)
    return { kind: 'opened' as const, opened }
  })
  if (outcome.kind === 'refused') return outcome.code
  keepBrowserSession(c, deps, outcome.opened.secret, outcome.opened.expiresAt)
  return null
}

/** Gives whoever is signed in a further identity, of somebody whom the site's user office knows. `null`: it is done. */
export async function linkAs(
  c: AppContext,
  { firstSignIn }: Pick<Issuer, 'firstSignIn'>,
  { issuerId: id, claims }: { readonly issuerId: string; readonly claims: SignedIn['claims'] },
): Promise<SignInFailure | null> {
  const findings = await findPosix(c, {}, { claims })
  const issuer = { id, firstSignIn, allowedGroups: null }
  return await link(c, issuer, { claims }, { linking: c.var.principal, findings })
}

async function link(
  c: AppContext,
  issuer: Pick<Issuer, 'id' | 'firstSignIn' | 'allowedGroups'>,
  { claims }: Pick<SignedIn, 'claims'>,
  { linking, findings }: { readonly linking: NonNullable<PendingSignIn['link']>; readonly findings: PosixFindings },
): Promise<SignInFailure | null> {
  return await c.var.services.db.transaction().execute(async (trx) => {
    const rule = { firstSignIn: issuer.firstSignIn, isInvited, gated: issuer.allowedGroups !== null }
    const resolved = await resolveLink(trx, claims, linking, rule)
    if (resolved.kind === 'refused') return resolved.code
    const { accountId } = linking
    if (issuer.allowedGroups !== null) await notePassed(trx, claims)
    await c.var.services.posixSources?.settle(trx, accountId, findings)
    const catalogues = c.var.services.settings.catalogues ?? []
    await askSyncsAtSignIn(trx, accountId, catalogues, { anew: true })
    await auditAccepted(c, trx, accountId, 'linkOwnIdentity', { issuer: issuer.id })
    return null
  })
}

async function auditAccepted(
  c: AppContext,
  trx: Trx,
  accountId: AccountId,
  action: string,
  detail: Readonly<Record<string, unknown>>,
): Promise<void> {
  await recordAudit(trx, {
    accountId,
    client: 'browser',
    onBehalfOf: null,
    action,
    subject: { kind: 'account', id: accountId },
    outcome: 'accepted',
    requestId: c.var.requestId,
    detail,
  })
}
