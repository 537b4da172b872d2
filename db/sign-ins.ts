import { sql } from 'kysely'
import { mayHaveAccount, signInSeconds, verifiedEmail } from '../domain/sign-in.ts'
import type { FirstSignIn, IdentityClaims, SignInFailure } from '../domain/sign-in.ts'
import { newId } from '../domain/ids.ts'
import type { AccountId, TokenId } from '../domain/ids.ts'
import { createAccount } from './accounts.ts'
import { hashOf, stillHolds } from './bearers.ts'
import type { Executor, Trx } from './connect.ts'
import { isFull } from './identities.ts'
import { lockIdentity, noteClaims } from './identity-claims.ts'
import { standsByGroupsAlone } from './identity-standing.ts'
import { mayHoldToken } from './leaving.ts'

/** A sign-in that a browser has begun. */
export interface PendingSignIn {
  readonly begunAt: Date
  /** The issuer's id in the configuration. */
  readonly issuer: string
  readonly returnUrl: string
  /** Who was signed in, and by which browser session, of one that is to link a further identity. */
  readonly link: { readonly accountId: AccountId; readonly tokenId: TokenId } | null
}

/** Remembers a sign-in for 10 minutes, by hashes of what only the browser has. Forgets those that nobody finished. */
export async function beginSignIn(
  executor: Executor,
  pending: Omit<PendingSignIn, 'begunAt'> & { readonly state: string; readonly binding: string },
): Promise<void> {
  await sql`delete from sign_in where state_hash = any(array(
    select state_hash from sign_in where expires_at < now() order by expires_at limit 100 for update skip locked))`.execute(
    executor,
  )
  await executor
    .insertInto('sign_in')
    .values({
      state_hash: hashOf(pending.state),
      binding_hash: hashOf(pending.binding),
      issuer: pending.issuer,
      return_url: pending.returnUrl,
      link_account_id: pending.link?.accountId ?? null,
      link_token_id: pending.link?.tokenId ?? null,
      expires_at: sql<Date>`now() + ${signInSeconds}::int * interval '1 second'`,
    })
    .execute()
}

/** `other_browser`: it was begun elsewhere, and stays as it is. */
export type TakenSignIn =
  | { readonly kind: 'taken'; readonly pending: PendingSignIn }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'other_browser' }

/** Takes a sign-in that comes back, once, and only for the browser and the issuer that it was begun for. */
export async function takeSignIn(
  executor: Executor,
  came: { readonly state: string; readonly binding: string | null; readonly issuer: string },
): Promise<TakenSignIn> {
  const state = hashOf(came.state)
  const row =
    came.binding === null
      ? undefined
      : await executor
          .deleteFrom('sign_in')
          .where('state_hash', '=', state)
          .where('binding_hash', '=', hashOf(came.binding))
          .where('issuer', '=', came.issuer)
          .returningAll()
          .returning(sql<boolean>`expires_at <= now()`.as('late'))
          .executeTakeFirst()
  if (row !== undefined) {
    if (row.late) return { kind: 'unknown' }
    const { issuer, return_url: returnUrl, link_account_id: accountId, link_token_id: tokenId, made_at: begunAt } = row
    const link = accountId === null || tokenId === null ? null : { accountId, tokenId }
    return { kind: 'taken', pending: { begunAt, issuer, returnUrl, link } }
  }
  const other = await executor
    .selectFrom('sign_in')
    .select('issuer')
    .where('state_hash', '=', state)
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
  return { kind: other?.issuer === came.issuer ? 'other_browser' : 'unknown' }
}

export interface SignInRule {
  readonly firstSignIn: FirstSignIn
  /** Whether somebody was invited by this address, verified. */
  readonly isInvited: (trx: Trx, email: string) => Promise<boolean>
}

export type Resolved =
  | { readonly kind: 'known' | 'made' | 'linked'; readonly accountId: AccountId }
  | {
      readonly kind: 'refused'
      readonly code: Extract<
        SignInFailure,
        'not_admitted' | 'account_disabled' | 'identity_taken' | 'not_signed_in' | 'too_many_identities'
      >
    }

/** The account of whoever an issuer speaks of: the one that the identity belongs to, or a new one where the rule gives it. */
export async function resolveIdentity(trx: Trx, claims: IdentityClaims, rule: SignInRule): Promise<Resolved> {
  const known = await lockIdentity(trx, claims)
  if (known !== null) {
    if (known.disabled) return { kind: 'refused', code: 'account_disabled' }
    await noteClaims(trx, known.accountId, claims)
    return { kind: 'known', accountId: known.accountId }
  }
  if (!(await mayBegin(trx, claims, rule))) return { kind: 'refused', code: 'not_admitted' }
  const accountId = newId('account')
  await createAccount(trx, {
    id: accountId,
    displayName: claims.displayName,
    email: verifiedEmail(claims),
    organisation: claims.organisation,
    roles: ['member'],
    groups: [],
    posix: null,
  })
  await noteClaims(trx, accountId, claims)
  return { kind: 'made', accountId }
}

/** Whether the rule gives whoever an issuer speaks of an account. */
async function mayBegin(trx: Trx, claims: IdentityClaims, { firstSignIn, isInvited }: SignInRule): Promise<boolean> {
  const email = verifiedEmail(claims)
  const asksForInvitation = firstSignIn.rule === 'invitation' && email !== null
  return mayHaveAccount(firstSignIn, claims, asksForInvitation && (await isInvited(trx, email)))
}

/**
 * Gives whoever is signed in a further identity, unless it is somebody else's, or they are signed in no more. `gated`: groups decide
 * about the identity, too. Where they do not, it lets nobody stay whom groups alone let in, unless the rule would give it an account.
 */
export async function resolveLink(
  trx: Trx,
  claims: IdentityClaims,
  { accountId, tokenId }: NonNullable<PendingSignIn['link']>,
  rule: SignInRule & { readonly gated: boolean },
): Promise<Resolved> {
  const known = await lockIdentity(trx, claims)
  if (!(await mayHoldToken(trx, accountId))) return { kind: 'refused', code: 'account_disabled' }
  if (!(await stillHolds(trx, tokenId))) return { kind: 'refused', code: 'not_signed_in' }
  if (known !== null && known.accountId !== accountId) return { kind: 'refused', code: 'identity_taken' }
  if (known === null && (await isFull(trx, accountId))) return { kind: 'refused', code: 'too_many_identities' }
  const opens = known === null && !rule.gated && (await standsByGroupsAlone(trx, accountId))
  if (opens && !(await mayBegin(trx, claims, rule))) return { kind: 'refused', code: 'not_admitted' }
  await noteClaims(trx, accountId, claims)
  return { kind: 'linked', accountId }
}
