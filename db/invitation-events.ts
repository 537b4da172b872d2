import { sql } from 'kysely'
import type { InvitationId } from '../domain/ids.ts'
import type { Executor, Trx } from './connect.ts'

/** What a line in an invitation's history may say. Ids and codes only: never an address or a code of a link. Open to growth. */
export const invitationEvents = [
  'invitation.state',
  'invitation.mail_wanted',
  'invitation.mail_sent',
  'invitation.mail_delayed',
] as const
export type InvitationEventType = (typeof invitationEvents)[number]

export interface InvitationEvent {
  readonly seq: number
  readonly at: Date
  readonly type: string
  readonly data: Record<string, unknown>
}

/** Adds a line to the invitation's history; its row's lock, taken here, orders them. */
export async function recordInvitationEvent(
  trx: Trx,
  id: InvitationId,
  type: InvitationEventType,
  data: Record<string, unknown>,
): Promise<void> {
  await sql`
    with numbered as (update invitation set event_seq = event_seq + 1 where id = ${id} returning event_seq)
    insert into invitation_event (invitation_id, seq, type, data)
    select ${id}, event_seq, ${type}, ${JSON.stringify(data)}::jsonb from numbered`.execute(trx)
}

const mostLines = 200

/** The newest lines of its history, in order. */
export async function readInvitationEvents(executor: Executor, id: InvitationId): Promise<readonly InvitationEvent[]> {
  const rows = await executor
    .selectFrom('invitation_event')
    .select(['seq', 'at', 'type', 'data'])
    .where('invitation_id', '=', id)
    .orderBy('seq', 'desc')
    .limit(mostLines)
    .execute()
  return rows.toReversed()
}
