import type { ColumnType, Generated } from 'kysely'
import type { ProjectRole } from '../domain/authorization.ts'
import type { AccountId, InvitationId, ProjectId, SessionId } from '../domain/ids.ts'
import type {
  Delivery,
  InvitationReason,
  InvitationState,
  Language,
  MailKind,
  MailProblem,
} from '../domain/invitation.ts'
import type { DoorMode } from '../domain/template.ts'
import type { JsonDefault, NullableTime, Time, TimeDefault } from './schema-columns.ts'

type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>

/** Who is invited where, and the mails about it. */
export interface InvitationTables {
  invitation: {
    id: InvitationId
    project_id: ProjectId
    /** Into one session of the project, in a mode; `null`: into the project, in a role. */
    session_id: Nullable<SessionId>
    role: Nullable<ProjectRole>
    mode: Nullable<DoorMode>
    inviter_id: AccountId
    /** As `canonicalEmail` gives it; empty once it is forgotten. */
    email: string
    /** Whoever holds the link may accept, once. */
    anyone: Generated<boolean>
    language: Language
    delivery: Delivery
    /** SHA-256. */
    code_hash: Buffer
    /** Sealed; empty once the invitation has ended. */
    code: Buffer
    state: InvitationState
    state_since: TimeDefault
    reason: Nullable<InvitationReason>
    created_at: TimeDefault
    expires_at: Time
    /** When its reminder is due; `null`: there is none to be. */
    remind_at: NullableTime
    accepted_by: Nullable<AccountId>
    ended_at: NullableTime
    event_seq: Generated<number>
    wake_version: Generated<number>
    seen_version: Generated<number>
    /** When its workflow is told next: at once, or when it has not done what was due. */
    next_try_at: TimeDefault
    tries: Generated<number>
  }
  /** Each mail that is meant, before it is tried. */
  invitation_mail: {
    invitation_id: InvitationId
    number: number
    kind: MailKind
    wanted_at: TimeDefault
    next_try_at: TimeDefault
    tries: Generated<number>
    /** A try of which nothing is known yet began then. */
    began_at: NullableTime
    problem: Nullable<MailProblem>
    ended_at: NullableTime
    /** `void`: the invitation ended before. */
    outcome: Nullable<'sent' | 'refused' | 'void'>
  }
  invitation_event: {
    invitation_id: InvitationId
    seq: number
    at: TimeDefault
    type: string
    data: JsonDefault<Record<string, unknown>>
  }
}
