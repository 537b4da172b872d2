import type { Generated } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { PosixSource } from '../domain/posix.ts'
import type { NullableTime, TimeDefault } from './schema-columns.ts'

/** Columns of `account`. */
export interface AccountColumns {
  /** Who said the POSIX user; `null` of one from before that was kept: an admin. */
  posix_source: PosixSource | null
  /** An admin said that others may have the same user. */
  posix_shared: Generated<boolean>
  posix_at: NullableTime
}

export interface AccountTables {
  /** Without text and address a version asks nothing. */
  terms: {
    version: number
    title: string
    text: string | null
    url: string | null
    since: TimeDefault
    set_by: AccountId | null
  }
  account_terms: { account_id: AccountId; version: number; accepted_at: TimeDefault }
}
