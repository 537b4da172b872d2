import type { Bearer } from '../db/bearers.ts'
import { looksLikeToken, touchToken } from '../db/tokens.ts'
import { getAccount } from '../db/accounts.ts'
import { mayBeActedFor } from '../db/identity-standing.ts'
import { strongScopes } from '../domain/authorization.ts'
import { idPattern } from '../domain/ids.ts'
import type { AccountId, TokenId } from '../domain/ids.ts'
import type { RouteSubject } from './access.ts'
import type { AppContext, Principal } from './env.ts'
import type { Services } from './deps.ts'
import { isSigned, signer } from './hawk.ts'
import { Problem } from './problem.ts'
import { foreignPage } from './same-origin.ts'
import { browserSecretOf } from './sign-in/cookies.ts'

const touchEveryMs = 60_000

/** Remembers in this process when a token's use was noted, so that a burst of requests does not write the row each time. */
export interface Touches {
  due(id: TokenId, now: number): boolean
}

export function createTouches(): Touches {
  const last = new Map<TokenId, number>()
  return {
    due(id, now) {
      if (now - (last.get(id) ?? 0) < touchEveryMs) return false
      // Forgetting costs a write, remembering for ever costs memory.
      if (last.size > 10_000) last.clear()
      last.set(id, now)
      return true
    },
  }
}

const unauthenticated = (detail: string, error?: string): Problem =>
  new Problem('unauthenticated', detail, {
    headers: { 'www-authenticate': `Bearer realm="carrel"${error === undefined ? '' : `, error="${error}"`}` },
  })

export interface Caller {
  /** Whom the request counts for: who acts, where it may not act for whom it names. */
  readonly principal: Principal
  readonly refusal: Problem | null
}

/** Who calls. Throws 401; that it may not act for whom it names is told, so that it is counted and audited first. */
export async function authenticate(
  c: AppContext,
  touches: Touches,
  subject: RouteSubject | undefined,
): Promise<Caller> {
  const { services } = c.var
  const target = c.req.header('carrel-on-behalf-of')
  // Whoever acts for another is to the thing what that other is.
  const together = target === undefined ? subject?.bearer : undefined
  const { bearer, browser } = isSigned(c)
    ? { bearer: await signer(c), browser: false }
    : await bearerOfSecret(c, async (secret) =>
        together === undefined ? services.findBearer(secret) : together(c, secret),
      )
  const own = { ...principalOf(bearer), browser }
  const foreign = browser ? foreignPage(c, services.signIn?.origin ?? '') : null
  if (foreign !== null) return { principal: own, refusal: foreign }
  if (touches.due(bearer.tokenId, Date.now())) await noteUse(services, bearer)
  if (target === undefined) return { principal: own, refusal: null }
  const acting = await actingFor(services, bearer, target)
  if (acting !== null) return { principal: acting, refusal: null }
  const refusal = new Problem('forbidden', 'This token may not act for that account.')
  return { principal: own, refusal }
}

/** Of a token, or of a browser's cookie where no token is shown. Throws 401. */
async function bearerOfSecret(
  c: AppContext,
  find: (secret: string) => Promise<Bearer | null>,
): Promise<{ readonly bearer: Bearer; readonly browser: boolean }> {
  const shown = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1]
  const cookie = shown === undefined ? browserSecretOf(c) : null
  const secret = shown ?? cookie
  if (secret === null) throw unauthenticated('Send a token as `Authorization: Bearer carrel_…`, or sign in.')
  const bearer = cookie !== null || looksLikeToken(secret) ? await find(secret) : null
  if (bearer === null) throw unauthenticated('The token is unknown, expired or revoked.', 'invalid_token')
  return { bearer, browser: cookie !== null }
}

async function noteUse({ db, log }: Services, bearer: Bearer): Promise<void> {
  try {
    await touchToken(db, bearer.tokenId)
  } catch (err) {
    log.warn({ err }, 'The use of a token could not be noted.')
  }
}

function principalOf(bearer: Bearer): Principal {
  const { tokenId, accountId, client, roles, scopes, expiresAt, issuer } = bearer
  const actor = { accountId, roles, scopes, actingFor: false, disabled: false }
  return { tokenId, tokenExpiresAt: expiresAt, accountId, actedBy: accountId, client, browser: false, issuer, actor }
}

/**
 * The rights of another account, at most as a member, within the token's other scopes; of a token that is bound to an issuer, of an
 * account that is somebody to that issuer now. `null`: refused; why is not told.
 */
async function actingFor({ db }: Services, bearer: Bearer, target: string): Promise<Principal | null> {
  if (!bearer.scopes.includes('act-as') || !idPattern.test(target)) return null
  const account = await getAccount(db, target as AccountId)
  if (account === null || account.disabledAt !== null) return null
  if (!(await mayBeActedFor(db, account.id, bearer.issuer))) return null
  return {
    ...principalOf(bearer),
    accountId: account.id,
    // Another name than that account's own clients can have: their keys and limits stay apart.
    client: `${bearer.client}@${bearer.accountId}`,
    actor: {
      accountId: account.id,
      roles: ['member'],
      scopes: bearer.scopes.filter((scope) => !strongScopes.includes(scope)),
      actingFor: true,
      disabled: false,
    },
  }
}
