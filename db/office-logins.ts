import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'

const mostLogins = 5

/**
 * That an identity `i` says by which login the user office knows its person, and that this counts: its issuer is among those that are
 * configured to decide it, now. What others say, or said once, is nobody's login.
 */
export const hasOfficeLogin = (issuers: readonly string[]) =>
  sql<boolean>`(i.claims ->> 'login' is not null and i.issuer = any(${[...issuers]}::text[]))`

/** By which logins the user office knows an account, as these issuers say; the latest first. */
export async function officeLoginsOf(
  executor: Executor,
  accountId: AccountId,
  issuers: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await sql<{ login: string }>`
    select i.claims ->> 'login' as login from identity i
    where i.account_id = ${accountId} and ${hasOfficeLogin(issuers)}
    group by 1 order by max(i.signed_in_at) desc nulls last limit ${mostLogins}`.execute(executor)
  return rows.map(({ login }) => login)
}

/** Which accounts the user office knows by these logins, as these issuers say: of those that may be brought in. */
export async function accountsByOfficeLogin(
  executor: Executor,
  issuers: readonly string[],
  logins: readonly string[],
): Promise<(login: string) => readonly AccountId[]> {
  const { rows } = await sql<{ login: string; account_id: AccountId }>`
    select distinct i.claims ->> 'login' as login, a.id as account_id
    from identity i join account a on a.id = i.account_id
    where i.claims ->> 'login' = any(${[...logins]}::text[]) and ${hasOfficeLogin(issuers)}
      and a.disabled_at is null and a.erase_requested_at is null
    order by account_id`.execute(executor)
  const accounts = Map.groupBy(rows, ({ login }) => login)
  return (login) => (accounts.get(login) ?? []).map((row) => row.account_id)
}
