import type { ColumnType, Generated } from 'kysely'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { DoorMode } from '../domain/template.ts'
import type { NullableTime, TimeDefault } from './schema-columns.ts'

type NullableText = ColumnType<string | null, string | null | undefined, string | null>

/** The tables of doors that a gateway outside Carrel opens. */
export interface OutsideTables {
  /** What an account is at the gateway. Both secrets are sealed; a token of no bytes is none. */
  outside_account: {
    account_id: AccountId
    password: Buffer
    token_node: NullableText
    token: ColumnType<Buffer, Buffer | undefined, Buffer>
    /** SHA-256 of the token: tells tokens apart without opening them. */
    token_hash: ColumnType<Buffer | null, Buffer | null | undefined, Buffer | null>
    made_at: TimeDefault
    /** It is to be removed outside, and this row after it. */
    remove_requested_at: NullableTime
  }
  /** The doors of one generation of a session that was ever reached through the gateway. */
  outside_doors: {
    session_id: SessionId
    generation: number
    noted_at: TimeDefault
    /** From here on nothing is opened any more. */
    ended_at: NullableTime
    /** The gateway confirmed that nothing is left. */
    closed_at: NullableTime
  }
  /** One account's use of one door in one mode. */
  outside_use: {
    session_id: SessionId
    generation: number
    door: string
    mode: DoorMode
    account_id: AccountId
    /** How often it was asked for, and which of these the answer is for. */
    wanted: Generated<number>
    answered: Generated<number>
    /** Where the account enters, without its token. */
    url: NullableText
    refused: NullableText
    opened_at: NullableTime
    /** Something may exist for it at the gateway. */
    noted_at: NullableTime
    withdraw_at: NullableTime
    withdrawn_at: NullableTime
  }
  /** What is at the gateway and should not be. */
  outside_drift: {
    kind: 'connection' | 'user' | 'tunnel' | 'orphan' | 'unknown'
    subject: string
    seen: Generated<number>
    first_seen_at: TimeDefault
    last_seen_at: TimeDefault
  }
}
