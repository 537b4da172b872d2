import { sql } from 'kysely'
import type { Kysely } from 'kysely'

// A commit that notifies holds a lock of the whole server until it is on the disk: such commits follow one another, whatever
// they write. Who records many wishes at once tells of them afterwards, of many in one go, and says so by this setting.
const unlessToldLater = `if current_setting('carrel.told', true) is distinct from 'later' then`

// Functions alone: to change a trigger waits for everybody who uses its table, and everybody else for that.
const statements = [
  `create or replace function notify_wake() returns trigger language plpgsql as $$
    begin ${unlessToldLater} perform pg_notify('carrel_wake', ''); end if; return null; end $$`,
  `create or replace function notify_event() returns trigger language plpgsql as $$
    begin ${unlessToldLater} perform pg_notify('carrel_event', new.session_id); end if; return null; end $$`,

  // The epoch, or null while maintenance is on, as both stay until the transaction ends. A function, because what it reads is as
  // new as the lock it waited for; the statement around it sees what was before.
  `create function open_to_wishes() returns int language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(hashtext('carrel maintenance'));
      return (select epoch from installation where maintenance_since is null);
    end $$`,
]

const reverse = [
  'drop function open_to_wishes()',
  `create or replace function notify_event() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_event', new.session_id); return null; end $$`,
  `create or replace function notify_wake() returns trigger language plpgsql as $$
    begin perform pg_notify('carrel_wake', ''); return null; end $$`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  for (const statement of reverse) await sql.raw(statement).execute(db)
}
