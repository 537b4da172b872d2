import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'

const mostLogins = 5

/** The logins at the user office that issuers which decide them say an account has; the latest first. */
export async function loginsOf(executor: Executor, accountId: AccountId): Promise<readonly string[]> {
  const { rows } = await sql<{ login: string }>`
    select claims ->> 'login' as login from identity
    where account_id = ${accountId} and claims ->> 'login' is not null
    group by 1 order by max(signed_in_at) desc nulls last limit ${mostLogins}`.execute(executor)
  return rows.map(({ login }) => login)
}
