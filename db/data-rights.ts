import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { AccountId } from '../domain/ids.ts'

/** As a part of a statement: whether a session `s` has its project's or an experiment's data mounted. */
export const holdsData = sql<boolean>`holds_data(s)`

const hasRight = (account: RawBuilder<unknown>, alsoWhere: RawBuilder<unknown> = sql``) =>
  sql<boolean>`(s.experiment_id is null or exists (select from data_right d
    where d.session_id = s.id and d.account_id = ${account} ${alsoWhere}))`

/**
 * The same: whether a session `s` has no experiment's data, or what it has is what that experiment says still, and for the account in
 * that column; for `workers`, one that may work with it.
 */
export const mayHaveData = (account: string, roles: 'all' | 'workers' = 'all') =>
  hasRight(sql.ref(account), roles === 'workers' ? sql`and d.role <> 'viewer'` : sql``)

/** The same of the account. */
export const mayHaveDataOf = (accountId: AccountId) => hasRight(sql`${accountId}`)

/** The same: whether the owner of a session `s` may not work any more with data that it has. */
export const isWithdrawn = sql<boolean>`(${holdsData} and not (${mayHaveData('s.owner_id', 'workers')} and exists (
  select from project_member o where o.project_id = s.project_id and o.account_id = s.owner_id and o.role <> 'viewer')))`
