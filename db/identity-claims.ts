import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { IdentityClaims } from '../domain/sign-in.ts'
import type { Trx } from './connect.ts'
import { plainJson, plainText } from './plain-text.ts'
import type { StoredClaims } from './schema-people.ts'

/** Whose an identity is. Whoever gives it to somebody comes here first, one after the other. */
export async function lockIdentity(
  trx: Trx,
  { issuer, subject }: Pick<IdentityClaims, 'issuer' | 'subject'>,
): Promise<{ readonly accountId: AccountId; readonly disabled: boolean } | null> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`identity ${issuer} ${subject}`}, 0))`.execute(trx)
  const row = await trx
    .selectFrom('identity as i')
    .innerJoin('account as a', 'a.id', 'i.account_id')
    .select(['a.id', 'a.disabled_at'])
    .where('i.issuer', '=', issuer)
    .where('i.subject', '=', subject)
    .executeTakeFirst()
  return row === undefined ? null : { accountId: row.id, disabled: row.disabled_at !== null }
}

/**
 * Notes what an issuer says of somebody at a sign-in. Call with the identity locked, and the account's or nobody's: it is the
 * account's from now on.
 */
export async function noteClaims(trx: Trx, accountId: AccountId, claims: IdentityClaims): Promise<void> {
  const { officeLogin, groups, posix } = claims
  const kept: StoredClaims = {
    ...(officeLogin === null ? {} : { login: officeLogin }),
    ...(groups.length === 0 ? {} : { groups: groups.map((group) => plainText(group, 200)) }),
    ...(posix === null || posix === undefined ? {} : { posix }),
  }
  const said = {
    signed_in_at: sql<Date>`now()`,
    email: claims.email,
    email_verified: claims.emailVerified && claims.email !== null,
    display_name: claims.displayName,
    claims: plainJson(kept),
  }
  await trx
    .insertInto('identity')
    .values({ issuer: claims.issuer, subject: claims.subject, account_id: accountId, ...said })
    .onConflict((conflict) => conflict.columns(['issuer', 'subject']).doUpdateSet(said))
    .execute()
}
