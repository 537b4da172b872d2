import type { ColumnType } from 'kysely'
import type { TokenId } from '../domain/ids.ts'
import type { Time } from './schema-columns.ts'

/** How machines sign in that send no token. */
export interface MachineTables {
  hawk_key: {
    token_id: TokenId
    /** Sealed; empty once it is revoked. */
    key: Buffer
  }
  hawk_nonce: {
    token_id: TokenId
    /** Seconds since the epoch, as they were signed. */
    ts: ColumnType<string, number, never>
    nonce: string
    expires_at: Time
  }
}
