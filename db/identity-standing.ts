import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'

/**
 * Whether the account, as SQL says it, is let in, as SQL: it has no identity, as machines, or one about which no groups decide, or
 * whose issuer said lately that it is in them. Asked wherever it is asked whether an account is disabled.
 */
export const isAdmitted = (account: string): string =>
  `coalesce((select bool_or(w.admitted) from identity_standing w where w.account_id = ${account}), true)`

/**
 * Whether the account, as SQL says it, may be acted for by a token that is bound to the issuer, as SQL says it too: it is somebody to
 * that issuer, which lets it in.
 */
export const isAdmittedBy = (account: string, issuer: string): string =>
  `exists (select from identity_standing w where w.account_id = ${account} and w.issuer = ${issuer} and w.admitted)`

/** Whether an account may be acted for. `issuer`: what the token is bound to; `null`: to none. */
export async function mayBeActedFor(executor: Executor, id: AccountId, issuer: string | null): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`
    select case when ask.issuer is null then ${sql.raw(isAdmitted('ask.id'))}
      else ${sql.raw(isAdmittedBy('ask.id', 'ask.issuer'))} end as may
    from (select ${id}::text as id, ${issuer}::text as issuer) ask`.execute(executor)
  return rows[0]?.may === true
}

/** The same of a pass's account, as part of a statement. */
export const passMayAct = (columns: {
  readonly account: string
  readonly holder: string
  readonly issuer: string
}): RawBuilder<boolean> =>
  sql<boolean>`(${sql.raw(isAdmitted(columns.holder))} and case
    when ${sql.raw(columns.issuer)} is null or ${sql.raw(columns.account)} = ${sql.raw(columns.holder)}
      then ${sql.raw(isAdmitted(columns.account))}
    else ${sql.raw(isAdmittedBy(columns.account, columns.issuer))} end)`

/** Whether groups decide about each of the account's identities, of which it has one at least. */
export async function standsByGroupsAlone(executor: Executor, id: AccountId): Promise<boolean> {
  const { rows } = await sql<{ alone: boolean }>`
    select coalesce(bool_and(g.issuer is not null), false) as alone
    from identity i left join gated_issuer g on g.issuer = i.issuer where i.account_id = ${id}`.execute(executor)
  return rows[0]?.alone === true
}
