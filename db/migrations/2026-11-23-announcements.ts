import { sql } from 'kysely'
import type { Kysely } from 'kysely'

// A commit that notifies holds a lock of the whole server until it is on the disk: such commits follow one another, whatever
// they write. Who records many wishes at once tells of them afterwards, of many in one go, and says so by this setting.
const unlessToldLater = `when (current_setting('carrel.told', true) is distinct from 'later')`

const statements = [
  'drop trigger session_wake on session',
  `create trigger session_wake after insert or update of wake_version on session
    for each row ${unlessToldLater} execute function notify_wake()`,
  'drop trigger session_event_new on session_event',
  `create trigger session_event_new after insert on session_event
    for each row ${unlessToldLater} execute function notify_event()`,

  // A function, because what it reads is as new as the lock it waited for; the statement around it sees what was before.
  `create function open_to_wishes() returns bool language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(hashtext('carrel maintenance'));
      return (select maintenance_since is null from installation);
    end $$`,
]

const reverse = [
  'drop function open_to_wishes()',
  'drop trigger session_event_new on session_event',
  `create trigger session_event_new after insert on session_event for each row execute function notify_event()`,
  'drop trigger session_wake on session',
  `create trigger session_wake after insert or update of wake_version on session
    for each row execute function notify_wake()`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
