import type { SessionId } from '../domain/ids.ts'
import type { AuditEntry } from './audit.ts'
import type { Executor } from './connect.ts'
import { firstState } from './events.ts'
import type { IntentKey } from './idempotency.ts'
import { sessionValues } from './intents.ts'
import type { NewSession } from './intents.ts'
import { statement } from './statement.ts'

/** The columns of the session's row that a wish fills, with their types. */
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
const typed = names.map((name) => `${name} ${columns[name]}`).join(', ')

// What stands in the way of one wish leaves out that one: no wish waits here for another's account or project, and of what is
// locked only the careful way knows how it ends. Rows are locked in one order, and judged as they are then. Each part reads from
// the one before it: where one finds nothing, nothing is recorded.
const record = statement<{ readonly id: SessionId; readonly requested_at: Date }>(`
  with ground as materialized (
    select set_config('carrel.told', 'later', true) as told, open_to_wishes() as epoch),
  wish as materialized (
    select w.*, ground.epoch from ground, json_to_recordset($1::json) as w(${typed}, key_account_id text, key_client text,
      operation text, key text, body_hmac text, deed_account_id text, deed_client text, on_behalf_of text, action text,
      request_id text, detail jsonb)
    where ground.told = 'later' and ground.epoch is not null),
  owner as materialized (
    select id from account where id = any(array(select owner_id from wish))
      and erase_requested_at is null and disabled_at is null
    order by id for share skip locked),
  home as materialized (
    select id from project where id = any(array(select project_id from wish)) and closed_at is null
    order by id for share skip locked),
  taken as (
    insert into idempotency_key (account_id, client, operation, key, body_hmac, resource_id)
    select key_account_id, key_client, operation, key, body_hmac, wish.id
    from wish join owner on owner.id = wish.owner_id join home on home.id = wish.project_id
    order by key_account_id, key_client, operation, key, wish.id
    on conflict do nothing returning resource_id),
  wanted as (
    insert into session (${names.join(', ')}, event_seq, event_epoch, event_xid)
    select ${names.join(', ')}, 1, epoch, pg_current_xact_id() from taken join wish on id = resource_id order by id
    returning id, requested_at, event_seq, event_epoch, event_xid),
  line as (
    insert into session_event (session_id, seq, epoch, xid, type, data)
    select id, event_seq, event_epoch, event_xid, '${firstState.type}', '${JSON.stringify(firstState.data)}' from wanted),
  audit as (
    insert into audit_event (account_id, client, on_behalf_of, action, subject_kind, subject_id, outcome, request_id, detail)
    select deed_account_id, deed_client, on_behalf_of, action, 'session', id, 'accepted', request_id, detail
    from wanted join wish using (id))
  select id, requested_at from wanted`)

/** A session that is wanted, the key that it is made for, and who does it. */
export interface RecordableWish {
  readonly session: NewSession
  readonly intent: IntentKey
  readonly deed: Pick<AuditEntry, 'accountId' | 'client' | 'onBehalfOf' | 'action' | 'requestId' | 'detail'>
}

/**
 * Records wishes in one statement: of each the key, the session, the first line of its history and the line in the audit. Returns
 * when, in their order; `null` for one that anything stands in the way of, be it a key that is taken, maintenance, or an owner or
 * project that is locked or on its way out: nothing of it is recorded then, and the careful way, `claimKey` and `insertSession`,
 * tells what it is. Tells nobody: announce them.
 */
export async function recordWishes(executor: Executor, wishes: readonly RecordableWish[]): Promise<(Date | null)[]> {
  const rows = await record(executor, [JSON.stringify(wishes.map(columnsOf))])
  const recorded = new Map(rows.map((row) => [row.id, row.requested_at]))
  return wishes.map(({ session }) => recorded.get(session.id) ?? null)
}

function columnsOf({ session, intent, deed }: RecordableWish) {
  const { parameters, mounts, secretParameters } = session
  const row: Readonly<Record<Column, unknown>> = {
    ...sessionValues(session),
    // As JSON they are no text, and bytes are.
    parameters,
    mounts,
    secret_parameters: secretParameters === null ? null : `\\x${secretParameters.toString('hex')}`,
  }
  return {
    ...row,
    key_account_id: intent.accountId,
    key_client: intent.client,
    operation: intent.operation,
    key: intent.key,
    body_hmac: intent.bodyHmac,
    deed_account_id: deed.accountId,
    deed_client: deed.client,
    on_behalf_of: deed.onBehalfOf,
    action: deed.action,
    request_id: deed.requestId,
    detail: deed.detail ?? {},
  }
}
