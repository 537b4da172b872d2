import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { ProjectRole } from '../domain/authorization.ts'
import type { AccountId, InvitationId, ProjectId, SessionId } from '../domain/ids.ts'
import type {
  Delivery,
  InvitationPlace,
  InvitationReason,
  InvitationState,
  Language,
  MailProblem,
} from '../domain/invitation.ts'
import type { Executor, Trx } from './connect.ts'
import { recordInvitationEvent } from './invitation-events.ts'
import { placeOf } from './invitation-standing.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'

/** An invitation as those see it whom it concerns. Its code is in nobody's view. */
export interface Invitation {
  readonly id: InvitationId
  readonly projectId: ProjectId
  readonly projectName: string
  readonly sessionId: SessionId | null
  readonly sessionName: string | null
  readonly place: InvitationPlace
  readonly inviterId: AccountId
  readonly inviterName: string
  readonly email: string
  readonly anyone: boolean
  readonly language: Language
  readonly delivery: Delivery
  readonly state: InvitationState
  readonly stateSince: Date
  readonly reason: InvitationReason | null
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly acceptedBy: AccountId | null
  readonly endedAt: Date | null
  /** Of the mail that is to go out: what keeps it, how often it was tried, and when it is tried again. */
  readonly sending: {
    readonly problem: MailProblem | null
    readonly tries: number
    readonly nextTryAt: Date
  } | null
  readonly mailsSent: number
}

const invitations = (executor: Executor) =>
  executor
    .selectFrom('invitation as i')
    .innerJoin('project as p', 'p.id', 'i.project_id')
    .innerJoin('account as a', 'a.id', 'i.inviter_id')
    .leftJoin('session as s', 's.id', 'i.session_id')
    .leftJoin('invitation_mail as m', (join) => join.onRef('m.invitation_id', '=', 'i.id').on('m.ended_at', 'is', null))
    .select(['i.id', 'i.project_id', 'i.session_id', 'i.role', 'i.mode', 'i.inviter_id', 'i.email', 'i.anyone'])
    .select(['i.language', 'i.delivery', 'i.state', 'i.state_since', 'i.reason', 'i.created_at', 'i.expires_at'])
    .select(['i.accepted_by', 'i.ended_at', 'p.name as project_name', 's.name as session_name'])
    .select(['a.display_name', 'm.problem', 'm.tries', 'm.next_try_at'])
    .select(
      sql<number>`(select count(*)::int from invitation_mail n where n.invitation_id = i.id and n.outcome = 'sent')`.as(
        'mails_sent',
      ),
    )
type Row = Awaited<ReturnType<ReturnType<typeof invitations>['executeTakeFirstOrThrow']>>

const view = (row: Row): Invitation => ({
  id: row.id,
  projectId: row.project_id,
  projectName: row.project_name,
  sessionId: row.session_id,
  sessionName: row.session_name,
  place: placeOf(row),
  inviterId: row.inviter_id,
  inviterName: row.display_name,
  email: row.email,
  anyone: row.anyone,
  language: row.language,
  delivery: row.delivery,
  state: row.state,
  stateSince: row.state_since,
  reason: row.reason,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  acceptedBy: row.accepted_by,
  endedAt: row.ended_at,
  sending:
    row.next_try_at === null ? null : { problem: row.problem, tries: row.tries ?? 0, nextTryAt: row.next_try_at },
  mailsSent: row.mails_sent,
})

export interface NewInvitation {
  readonly id: InvitationId
  readonly projectId: ProjectId
  readonly sessionId: SessionId | null
  readonly place: InvitationPlace
  readonly inviterId: AccountId
  /** As `canonicalEmail` gave it. */
  readonly email: string
  readonly anyone: boolean
  readonly language: Language
  readonly delivery: Delivery
  readonly codeHash: Buffer
  /** Sealed. */
  readonly code: Buffer
  readonly expiresInMs: number
  /** From its making; `null`: nobody is reminded. */
  readonly remindInMs: number | null
}

/** Records that somebody is invited, with the first mail that is meant. The starter takes it from there. */
export async function insertInvitation(trx: Trx, invitation: NewInvitation): Promise<'recorded' | 'invited_already'> {
  const { id, place, delivery, expiresInMs, remindInMs } = invitation
  const later = (ms: number) => sql<Date>`now() + ${ms}::float8 * interval '1 millisecond'`
  const state: InvitationState = delivery === 'mail' ? 'sending' : 'sent'
  const made = await trx
    .insertInto('invitation')
    .values({
      id,
      project_id: invitation.projectId,
      session_id: invitation.sessionId,
      role: place.kind === 'project' ? place.role : null,
      mode: place.kind === 'session' ? place.mode : null,
      inviter_id: invitation.inviterId,
      email: invitation.email,
      anyone: invitation.anyone,
      language: invitation.language,
      delivery,
      code_hash: invitation.codeHash,
      code: invitation.code,
      state,
      expires_at: later(expiresInMs),
      remind_at: remindInMs === null || delivery === 'link' ? null : later(remindInMs),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  if (made === undefined) return 'invited_already'
  await recordInvitationEvent(trx, id, 'invitation.state', { state })
  if (delivery === 'mail') await wantMail(trx, id, 'first')
  return 'recorded'
}

/** Notes that a mail is to go out: it is this row, however often it is tried. */
export async function wantMail(trx: Trx, id: InvitationId, kind: 'first' | 'resend' | 'reminder'): Promise<void> {
  await sql`
    insert into invitation_mail (invitation_id, number, kind)
    select ${id}, coalesce(max(number), 0) + 1, ${kind} from invitation_mail where invitation_id = ${id}`.execute(trx)
  await recordInvitationEvent(trx, id, 'invitation.mail_wanted', { kind })
}

export async function getInvitation(executor: Executor, id: InvitationId): Promise<Invitation | null> {
  const row = await invitations(executor).where('i.id', '=', id).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** The invitation that a link leads to, by the hash of its code. */
export async function invitationOfCode(executor: Executor, hash: Buffer): Promise<Invitation | null> {
  const row = await invitations(executor).where('i.code_hash', '=', hash).executeTakeFirst()
  return row === undefined ? null : view(row)
}

/** Which invitations: into a project, its sessions left out; into a session; written by somebody, or meant for them. */
export type InvitationsOf =
  | { readonly projectId: ProjectId }
  | { readonly sessionId: SessionId }
  | { readonly inviterId: AccountId }
  | { readonly emails: readonly string[] }

/** Of an invitation `i`. */
function belongsTo(of: InvitationsOf): RawBuilder<boolean> {
  if ('projectId' in of) return sql`i.project_id = ${of.projectId} and i.session_id is null`
  if ('sessionId' in of) return sql`i.session_id = ${of.sessionId}`
  if ('inviterId' in of) return sql`i.inviter_id = ${of.inviterId}`
  return sql`i.email = any(${[...of.emails]}::text[])`
}

/** How invitations stood when they were last looked at: each change raises its number. */
export type InvitationVersions = ReadonlyMap<InvitationId, number>

/** Of the newest, at most `most`, those that are not as they are known, in the order in which they were made; and how all of them stand now. */
export async function changedInvitations(
  executor: Executor,
  of: InvitationsOf,
  known: InvitationVersions,
  most: number,
): Promise<{ readonly changed: readonly Invitation[]; readonly now: InvitationVersions }> {
  const rows = await executor
    .selectFrom('invitation as i')
    .select(['i.id', 'i.event_seq'])
    .where(belongsTo(of))
    .orderBy('i.id', 'desc')
    .limit(most)
    .execute()
  const now = new Map(rows.map(({ id, event_seq }) => [id, event_seq]))
  const ids = [...now.keys()].filter((id) => known.get(id) !== now.get(id))
  if (ids.length === 0) return { changed: [], now }
  const changed = await invitations(executor).where('i.id', 'in', ids).orderBy('i.id').execute()
  return { changed: changed.map(view), now }
}

/** The newest first. */
export async function listInvitations(
  executor: Executor,
  of: InvitationsOf,
  { after, limit }: PageAsk,
): Promise<Page<Invitation>> {
  const rows = await invitations(executor)
    .where(belongsTo(of))
    .$if(after !== null, (q) => q.where('i.id', '<', after as InvitationId))
    .orderBy('i.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, view)
}

/** What an account is to an invitation. `null`: there is none. */
export async function invitationRelation(
  executor: Executor,
  id: InvitationId,
  accountId: AccountId,
): Promise<{
  readonly isOwner: boolean
  readonly projectRole: ProjectRole | null
  readonly email: string
} | null> {
  const row = await executor
    .selectFrom('invitation as i')
    .leftJoin('session as s', 's.id', 'i.session_id')
    .leftJoin('project_member as m', (join) =>
      join.onRef('m.project_id', '=', 'i.project_id').on('m.account_id', '=', accountId),
    )
    .select(['i.inviter_id', 'i.session_id', 'i.email', 's.owner_id', 'm.role'])
    .where('i.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return null
  // Of a session's guests its project knows nothing.
  const projectRole = row.session_id === null ? row.role : null
  return { isOwner: row.inviter_id === accountId || row.owner_id === accountId, projectRole, email: row.email }
}
