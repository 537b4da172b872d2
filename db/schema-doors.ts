import type { ColumnType, Generated } from 'kysely'
import type { AccountId, SessionId, TokenId } from '../domain/ids.ts'
import type { DoorMode } from '../domain/template.ts'
import type { NullableTime, Time, TimeDefault } from './schema-columns.ts'

type NullableText = ColumnType<string | null, string | null | undefined, string | null>

/** Who may enter which door, and who is inside. */
export interface DoorTables {
  /** Whom the owner of a session lets in. Whether that still holds: `standing_collaborator`. */
  collaborator: { session_id: SessionId; account_id: AccountId; mode: DoorMode; added_at: TimeDefault }
  /** A view: the collaborators whom template and project still allow. Read only. */
  standing_collaborator: {
    session_id: ColumnType<SessionId, never, never>
    account_id: ColumnType<AccountId, never, never>
    mode: ColumnType<DoorMode, never, never>
  }
  /** Opens a door once, within seconds. */
  door_ticket: {
    /** SHA-256. */
    hash: Buffer
    session_id: SessionId
    door: string
    mode: DoorMode
    account_id: AccountId
    /** By what right it was asked for: with this token it ends. */
    token_id: TokenId
    host: string
    path: string
    made_at: TimeDefault
    expires_at: Time
    used_at: NullableTime
  }
  /** What a browser shows with each request to a door. Good until it has ended; its connection is open while it is used. */
  door_pass: {
    id: string
    /** SHA-256. */
    hash: Buffer
    session_id: SessionId
    door: string
    mode: DoorMode
    account_id: AccountId
    token_id: TokenId
    host: string
    made_at: TimeDefault
    expires_at: Time
    used_at: TimeDefault
    opened_at: TimeDefault
    closed_at: NullableTime
    ended_at: NullableTime
    end_reason: NullableText
  }
  /** Something that is open through a gateway, and lasts. */
  tunnel: {
    id: string
    pass_id: string
    session_id: SessionId
    gateway_id: string
    kind: 'websocket' | 'desktop' | 'stream'
    remote_address: string
    opened_at: TimeDefault
    touched_at: TimeDefault
    last_input_at: NullableTime
    /** From the browser to the session; 64 bits come as text. */
    bytes_in: ColumnType<string, number | undefined, number>
    bytes_out: ColumnType<string, number | undefined, number>
    cut_requested_at: NullableTime
    /** Its name at a gateway outside. */
    outside_id: NullableText
    closed_at: NullableTime
    close_reason: NullableText
  }
  gateway: { id: string; started_at: TimeDefault; beat_at: TimeDefault }
  session_activity: {
    session_id: SessionId
    last_input_at: NullableTime
    /** The spell without input that its user was warned of, when, and when it is stopped for it. */
    idle_since: NullableTime
    warned_at: NullableTime
    stop_at: NullableTime
  }
  /** Doors of ready sessions that could not be reached when last tried. */
  door_failure: { session_id: SessionId; door: string; since: Generated<Date> }
}
