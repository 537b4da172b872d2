import type { ColumnType, Generated } from 'kysely'
import type { Scope } from '../domain/authorization.ts'
import type { DeviceState } from '../domain/device.ts'
import type { AccountId, TokenId } from '../domain/ids.ts'
import type { NullableTime, Time, TimeDefault } from './schema-columns.ts'

type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>

/** Programs that ask to be let in. */
export interface PortalTables {
  device_authorization: {
    /** SHA-256. */
    device_hash: Buffer
    /** An HMAC: what a person types is too short for a plain hash. */
    user_digest: string
    /** Of the token that it will be. */
    token_id: TokenId
    client: string
    /** What is asked for; what was given, once it is approved. */
    scopes: Scope[]
    state: Generated<DeviceState>
    /** Who answered. */
    account_id: Nullable<AccountId>
    user_agent: Nullable<string>
    address: Nullable<string>
    interval_seconds: number
    made_at: TimeDefault
    polled_at: NullableTime
    expires_at: Time
  }
}
