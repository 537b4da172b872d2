import { sql } from 'kysely'
import type { OfExperiment } from '../domain/experiment.ts'
import { instanceName } from '../domain/ids.ts'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { KnownWords } from '../domain/backend-words.ts'
import type { Expected, Observation } from '../domain/observation.ts'
import type { Posix } from '../domain/posix.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Db, Executor } from './connect.ts'
import { listedLately } from './provider-health.ts'
import type { StoredEndpoint, StoredRef, StoredReport, StoredUsage } from './schema.ts'

export interface InstanceRow {
  readonly key: SessionKey
  readonly providerId: ProviderId
  readonly name: string
  readonly secret: Buffer
  /** What the backend calls it; without ids as long as no create has answered. */
  readonly ref: StoredRef
  /** Whether a create has answered: if not, its outcome is unknown. */
  readonly made: boolean
  readonly endpoints: readonly StoredEndpoint[]
  /** Sealed: what it may report its ports with; `null`: it may not. */
  readonly reportToken: Buffer | null
  /** What it said of itself. */
  readonly reported: StoredReport | null
  /** What the backend's list says that it waits for. */
  readonly pendingReason: string | null
  readonly seen: Expected['seen']
  /** Its provider was listed to its end lately: what a list shows of it is news. */
  readonly listed: boolean
  readonly tombstoned: boolean
  /** The installation must not act until an operator arms it. */
  readonly disarmed: boolean
}

/** What an instance may report with: sealed for its row, and the hash that it is known by. */
export interface ReportToken {
  readonly sealed: Buffer
  readonly hash: Buffer
}

/** What an instance is made with, beside its secret. */
export interface MadeWith {
  readonly report?: ReportToken | null
  /** As whom it runs, where that is its account's own user. */
  readonly runsAs?: Posix | null
  readonly ofExperiment?: OfExperiment | null
}

/**
 * Commits that an instance of this generation is about to exist, before anything is made. `secret` and what else is told of it are
 * kept only by the first call. A tombstoned row says that nothing may be made any more.
 */
export async function beginInstance(
  db: Db,
  key: SessionKey,
  providerId: ProviderId,
  secret: Buffer,
  { report = null, runsAs = null, ofExperiment = null }: MadeWith = {},
): Promise<InstanceRow> {
  await db
    .insertInto('instance')
    .values({
      session_id: key.sessionId,
      generation: key.generation,
      provider_id: providerId,
      name: instanceName(key.sessionId, key.generation),
      secret,
      report_token: report?.sealed ?? null,
      report_hash: report?.hash ?? null,
      runs_as: runsAs === null ? null : JSON.stringify(runsAs),
      of_experiment: ofExperiment === null ? null : JSON.stringify(ofExperiment),
    })
    // Of two who insert at once the second may meet the unique name first: every conflict means that the row is there.
    .onConflict((c) => c.doNothing())
    .execute()
  const row = await readInstance(db, key)
  if (row === null) throw new Error('The row that was just written is not there.')
  return row
}

export async function readInstance(executor: Executor, key: SessionKey): Promise<InstanceRow | null> {
  const row = await executor
    .selectFrom('instance')
    .selectAll()
    .select((eb) => [
      eb.selectFrom('installation').select('deployment_id').as('deployment_id'),
      eb.selectFrom('installation').select('disarmed_at').as('disarmed_at'),
      eb
        .selectFrom('provider_health as h')
        .select(listedLately.as('listed'))
        .whereRef('h.provider_id', '=', 'instance.provider_id')
        .as('listed'),
    ])
    .where('session_id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .executeTakeFirst()
  if (row === undefined) return null
  return {
    key,
    providerId: row.provider_id,
    name: row.name,
    secret: row.secret,
    ref: row.ref ?? {
      name: row.name,
      deploymentId: row.deployment_id ?? '',
      ...(row.runs_as === null ? {} : { owner: { name: row.runs_as.user, uid: row.runs_as.uid } }),
    },
    made: row.ref !== null,
    endpoints: row.endpoints,
    reportToken: row.report_token,
    reported: row.reported,
    pendingReason: row.pending_reason,
    seen: row.seen,
    listed: row.listed === true,
    tombstoned: row.tombstoned_at !== null,
    disarmed: row.disarmed_at !== null,
  }
}

/** Where endpoints of the session's provider may lie. */
export async function networksOf(executor: Executor, id: SessionId): Promise<readonly string[]> {
  const row = await executor
    .selectFrom('session as s')
    .innerJoin('provider as p', 'p.id', 's.provider_id')
    .select('p.networks')
    .where('s.id', '=', id)
    .executeTakeFirst()
  return row?.networks ?? []
}

/** The row of one generation's instance, to be changed. */
const instanceOf = (executor: Executor, key: SessionKey) =>
  executor.updateTable('instance').where('session_id', '=', key.sessionId).where('generation', '=', key.generation)

/** Keeps the backend's answer to a create. Returns whether the instance was tombstoned meanwhile: then it must go at once. */
export async function recordMade(db: Db, key: SessionKey, ref: StoredRef): Promise<{ readonly tombstoned: boolean }> {
  const row = await instanceOf(db, key)
    .set({ ref: JSON.stringify(ref), made_at: sql<Date>`coalesce(made_at, now())` })
    .returning('tombstoned_at')
    .executeTakeFirstOrThrow()
  return { tombstoned: row.tombstoned_at !== null }
}

/** Keeps where the running instance is reached. */
export async function recordRunning(
  executor: Executor,
  key: SessionKey,
  endpoints: readonly StoredEndpoint[],
): Promise<void> {
  await instanceOf(executor, key)
    .set({ endpoints: JSON.stringify(endpoints), seen: 'running', pending_reason: null })
    .execute()
}

/** Keeps where the instance is reached from now on: nowhere while it rests, for another one may be where it was. */
export async function recordPlaces(
  executor: Executor,
  key: SessionKey,
  endpoints: readonly StoredEndpoint[],
): Promise<void> {
  await instanceOf(executor, key)
    .set({ endpoints: JSON.stringify(endpoints) })
    .execute()
}

/** An inspection found the suspicion of the list to be wrong, or right: what was seen is what stands. */
export async function recordSeen(
  executor: Executor,
  key: SessionKey,
  seen: 'running' | 'paused' | 'exited' | 'absent',
): Promise<void> {
  await instanceOf(executor, key).set({ seen }).execute()
}

/** Forbids the instance to exist, before it is removed, and also where no create has begun: one that comes later finds this. */
export async function tombstone(db: Db, key: SessionKey, providerId: ProviderId): Promise<void> {
  await db
    .insertInto('instance')
    .values({
      session_id: key.sessionId,
      generation: key.generation,
      provider_id: providerId,
      name: instanceName(key.sessionId, key.generation),
      secret: Buffer.alloc(0),
      tombstoned_at: sql<Date>`now()`,
    })
    .onConflict((c) => c.doNothing())
    .execute()
  await instanceOf(db, key)
    .set({ tombstoned_at: sql<Date>`now()` })
    .where('tombstoned_at', 'is', null)
    .execute()
}

/** What it used by the backend's own numbers; what is known already stands where the backend does not know any more. */
export async function recordUsage(db: Db, key: SessionKey, usage: StoredUsage): Promise<void> {
  await instanceOf(db, key)
    .set({ usage: JSON.stringify(usage) })
    .execute()
}

/** The backend confirmed that nothing is left of it. */
export async function recordRemoved(db: Db, key: SessionKey): Promise<void> {
  await instanceOf(db, key)
    .set({ removed_at: sql<Date>`coalesce(removed_at, now())`, secret: Buffer.alloc(0), report_token: null })
    .execute()
}

export interface ExpectedInstance extends Expected, KnownWords {
  readonly sessionId: SessionId
}

/** The instances of the provider that live sessions stand on. `busy`: some of them are just beginning. */
export async function expectedInstances(executor: Executor, providerId: ProviderId): Promise<ExpectedInstance[]> {
  const rows = await executor
    .selectFrom('instance as i')
    .innerJoin('session as s', (join) =>
      join.onRef('s.id', '=', 'i.session_id').onRef('s.generation', '=', 'i.generation'),
    )
    .select(['i.session_id', 'i.generation', 'i.seen', 'i.made_at', 's.state'])
    .select(['i.pending_reason', 'i.ends_at', 's.expected_start_at'])
    .where('i.provider_id', '=', providerId)
    .where('i.removed_at', 'is', null)
    .where('i.tombstoned_at', 'is', null)
    .where('s.state', 'in', ['provisioning', 'ready', 'pausing', 'paused', 'resuming'])
    .$narrowType<{ state: Expected['sessionState'] }>()
    .execute()
  return rows.map((row) => ({
    sessionId: row.session_id,
    generation: row.generation,
    sessionState: row.state,
    seen: row.seen,
    madeAt: row.made_at?.getTime() ?? null,
    pendingReason: row.pending_reason,
    endsAt: row.ends_at?.getTime() ?? null,
    expectedAt: row.expected_start_at?.getTime() ?? null,
  }))
}

/**
 * Writes what a list showed, and wakes the workflows of those that are not as they should be. A session is locked before its
 * instance, as by whoever puts it to rest.
 */
export async function recordObservations(db: Db, observations: readonly Observation[]): Promise<void> {
  if (observations.length === 0) return
  const seen = JSON.stringify(observations)
  await sql`
    with seen as (select * from jsonb_to_recordset(${seen}::jsonb)
      as o("sessionId" text, generation int, seen text, suspicious bool)),
    locked as materialized (
      select id from session where id in (select "sessionId" from seen where suspicious)
      order by id for no key update),
    noted as (
      update instance i set seen = o.seen from seen o
      where i.session_id = o."sessionId" and i.generation = o.generation and i.seen is distinct from o.seen
        and (select count(*) from locked) >= 0
      returning i.session_id, o.suspicious)
    update session s set wake_version = wake_version + 1, next_try_at = now(), tries = 0
    from noted where s.id = noted.session_id and noted.suspicious
  `.execute(db)
}
