import { sql } from 'kysely'
import type { Db } from './connect.ts'
import type { SessionKey } from './transitions.ts'

/** Adds a line of progress to a session that begins: at most one a second, the rest is dropped. Returns whether it was kept. */
export async function recordProgress(
  db: Db,
  key: SessionKey,
  progress: { readonly message: string; readonly percent: number | null },
): Promise<boolean> {
  const { rows } = await sql`
    with numbered as (
      update session set event_seq = event_seq + 1, progress_at = now()
      where id = ${key.sessionId} and generation = ${key.generation} and state in ('provisioning', 'resuming')
        and (progress_at is null or progress_at <= now() - interval '1 second')
      returning event_seq)
    insert into session_event (session_id, seq, epoch, type, data)
    select ${key.sessionId}, event_seq, (select epoch from installation), 'session.progress', ${JSON.stringify(progress)}::jsonb
    from numbered returning seq
  `.execute(db)
  return rows.length > 0
}
