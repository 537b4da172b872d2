import { sql } from 'kysely'
import type { SessionId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'

/** Notes that somebody did something in the session just now: entered it, or more. */
export async function noteInput(executor: Executor, sessionId: SessionId): Promise<void> {
  await sql`
    insert into session_activity (session_id, last_input_at) values (${sessionId}, now())
    on conflict (session_id) do update set last_input_at = now()`.execute(executor)
}
