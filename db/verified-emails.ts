import { sql } from 'kysely'
import { canonicalEmail } from '../domain/email.ts'
import type { AccountId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'

/**
 * The e-mail addresses that are proven to be the account's, as `canonicalEmail` gives them: those that an issuer has verified; and of an account that
 * nobody signs in to by an issuer, the one that the admin who made it vouches for.
 */
export async function verifiedEmailsOf(executor: Executor, accountId: AccountId): Promise<readonly string[]> {
  const { rows } = await sql<{ email: string }>`
    select lower(email) as email from identity where account_id = ${accountId} and email_verified
    union
    select lower(email) from account a where id = ${accountId} and email is not null
      and not exists (select from identity i where i.account_id = a.id)
    order by email`.execute(executor)
  return [...new Set(rows.flatMap((row) => canonicalEmail(row.email) ?? []))]
}
