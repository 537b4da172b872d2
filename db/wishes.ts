import type { AuditEntry } from './audit.ts'
import type { Executor } from './connect.ts'
import { firstState } from './events.ts'
import type { IntentKey } from './idempotency.ts'
import { sessionValues } from './intents.ts'
import type { NewSession } from './intents.ts'
import { statement } from './statement.ts'

/** The columns of the session's row that the wish fills, with their types. */
const columns = {
  id: 'text',
  owner_id: 'text',
  started_by: 'text',
  client: 'text',
  project_id: 'text',
  template_id: 'text',
  template_version: 'int',
  provider_id: 'text',
  name: 'text',
  size: 'text',
  parameters: 'jsonb',
  secret_parameters: 'bytea',
  mounts: 'jsonb',
  sessions: 'int',
  cpu_milli: 'int',
  memory_mib: 'int',
  disk_mib: 'int',
  gpus: 'int',
  queue_limit_seconds: 'int',
  start_limit_seconds: 'int',
  lifetime_seconds: 'int',
  expires_at: 'timestamptz',
} as const
type Column = keyof typeof columns
// The keys of an object literal.
const names = Object.keys(columns) as Column[]

/** The place of a column's value among the parameters. */
const of = (column: Column): string => `$${names.indexOf(column) + 1}::${columns[column]}`
/** The places after those of the columns. */
const after = (n: number): string => `$${names.length + n}::text`

// `holder` locks as `insertSession` does, and a row that changed while it waited is judged as it is then. Each part reads from
// the one before it: where one finds nothing, nothing is recorded.
const record = statement<{ readonly requested_at: Date }>(`
  with ground as materialized (
    select set_config('carrel.told', 'later', true) as told, open_to_wishes() as epoch),
  holder as materialized (
    select a.id from account a, project p, ground
    where ground.told = 'later' and ground.epoch is not null and a.id = ${of('owner_id')} and p.id = ${of('project_id')}
      and a.erase_requested_at is null and a.disabled_at is null and p.closed_at is null
    for share of a, p),
  taken as (
    insert into idempotency_key (account_id, client, operation, key, body_hmac, resource_id)
    select ${after(1)}, ${after(2)}, ${after(3)}, ${after(4)}, ${after(5)}, ${of('id')} from holder
    on conflict do nothing returning resource_id),
  wanted as (
    insert into session (${names.join(', ')}, event_seq, event_epoch, event_xid)
    select ${names.map(of).join(', ')}, 1, ground.epoch, pg_current_xact_id() from taken, ground
    returning id, requested_at, event_seq, event_epoch, event_xid),
  line as (
    insert into session_event (session_id, seq, epoch, xid, type, data)
    select id, event_seq, event_epoch, event_xid, '${firstState.type}', '${JSON.stringify(firstState.data)}' from wanted),
  audit as (
    insert into audit_event (account_id, client, on_behalf_of, action, subject_kind, subject_id, outcome, request_id, detail)
    select ${after(6)}, ${after(7)}, ${after(8)}, ${after(9)}, 'session', id, 'accepted', ${after(10)}, ${after(11)}::jsonb
    from wanted)
  select requested_at from wanted`)

/**
 * Records a wish in one statement: the key, the session, the first line of its history and the line in the audit. Returns when;
 * `null` where anything stands in its way, be it a key that is taken, maintenance, or an owner or project on its way out:
 * nothing is recorded then, and the careful way, `claimKey` and `insertSession`, tells what it is. Tells nobody: announce it.
 */
export async function recordWish(
  executor: Executor,
  session: NewSession,
  intent: IntentKey,
  deed: Pick<AuditEntry, 'accountId' | 'client' | 'onBehalfOf' | 'action' | 'requestId' | 'detail'>,
): Promise<Date | null> {
  const row: Readonly<Record<Column, unknown>> = sessionValues(session)
  const rows = await record(executor, [
    ...names.map((name) => row[name]),
    ...[intent.accountId, intent.client, intent.operation, intent.key, intent.bodyHmac],
    ...[deed.accountId, deed.client, deed.onBehalfOf, deed.action, deed.requestId, JSON.stringify(deed.detail ?? {})],
  ])
  return rows[0]?.requested_at ?? null
}
