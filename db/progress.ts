import type { SessionKey } from '../domain/session.ts'
import { sql } from 'kysely'
import type { Db } from './connect.ts'
import { nextLine } from './events.ts'
import { plainText } from './plain-text.ts'

/** Adds a line of progress to a session that begins: at most one a second, the rest is dropped. Returns whether it was kept. */
export async function recordProgress(
  db: Db,
  key: SessionKey,
  progress: { readonly message: string; readonly percent: number | null },
): Promise<boolean> {
  const line = { ...progress, message: plainText(progress.message, 1_000) }
  const { rows } = await sql`
    with numbered as (
      update session set ${nextLine}, progress_at = now()
      where id = ${key.sessionId} and generation = ${key.generation} and state in ('provisioning', 'resuming')
        and (progress_at is null or progress_at <= now() - interval '1 second')
      returning event_seq, event_epoch, event_xid)
    insert into session_event (session_id, seq, epoch, xid, type, data)
    select ${key.sessionId}, event_seq, event_epoch, event_xid, 'session.progress', ${JSON.stringify(line)}::jsonb
    from numbered returning seq
  `.execute(db)
  return rows.length > 0
}
