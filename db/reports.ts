import { sql } from 'kysely'
import { isEnd } from '../domain/lifecycle.ts'
import type { ReportedPorts, TemplateSpec } from '../domain/template.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { hashOf } from './door-secrets.ts'
import { recordRunning } from './instances.ts'
import type { StoredEndpoint, StoredReport } from './schema.ts'

/** An instance that may report, known by its token. */
export interface Reporter {
  readonly key: SessionKey
  readonly template: Pick<TemplateSpec, 'doors' | 'readiness'>
  readonly reportedPorts: ReportedPorts
  /** Nobody goes there any more: it is to end, or has. */
  readonly isOver: boolean
}

/** Whose token it is. `null`: nobody's. A token of an instance that is gone is still known, so that it can be told. */
export async function findReporter(executor: Executor, token: string): Promise<Reporter | null> {
  const row = await executor
    .selectFrom('instance as i')
    .innerJoin('session as s', 's.id', 'i.session_id')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .select(['i.session_id', 'i.generation', 'i.tombstoned_at', 'i.removed_at'])
    .select(['s.state', 's.stop_requested_at', 's.generation as current', 'v.spec'])
    .where('i.report_hash', '=', hashOf(token))
    .executeTakeFirst()
  if (row?.spec.reportedPorts === undefined) return null
  return {
    key: { sessionId: row.session_id, generation: row.generation },
    template: row.spec,
    reportedPorts: row.spec.reportedPorts,
    isOver:
      row.tombstoned_at !== null ||
      row.removed_at !== null ||
      row.stop_requested_at !== null ||
      row.generation !== row.current ||
      row.state === 'stopping' ||
      isEnd(row.state),
  }
}

/** `repeated`: the same was said before. `other`: something else was. `over`: it is to be no more. */
export type Recorded = 'recorded' | 'repeated' | 'other' | 'over'

/** Keeps what the instance says, once: of two that differ the first stands. */
export async function recordReport(trx: Trx, key: SessionKey, report: StoredReport): Promise<Recorded> {
  const said = JSON.stringify(report)
  const kept = await trx
    .updateTable('instance')
    .set({ reported: said, reported_at: sql<Date>`now()` })
    .where('session_id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .where('reported', 'is', null)
    .where('tombstoned_at', 'is', null)
    .returning('session_id')
    .executeTakeFirst()
  if (kept !== undefined) return 'recorded'
  const row = await trx
    .selectFrom('instance')
    .select(['tombstoned_at', sql<boolean>`coalesce(reported = ${said}::jsonb, false)`.as('same')])
    .where('session_id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .executeTakeFirst()
  if (row === undefined || row.tombstoned_at !== null) return 'over'
  return row.same ? 'repeated' : 'other'
}

/** Whether another instance that may still stand is reached at one of these places. */
export async function takenElsewhere(
  executor: Executor,
  key: SessionKey,
  endpoints: readonly StoredEndpoint[],
): Promise<boolean> {
  for (const { host, hostPort } of endpoints) {
    const there = JSON.stringify([{ host, hostPort }])
    const other = await executor
      .selectFrom('instance')
      .select('session_id')
      .where('removed_at', 'is', null)
      .where(sql<boolean>`endpoints @> ${there}::jsonb`)
      .where((eb) => eb.not(eb.and({ session_id: key.sessionId, generation: key.generation })))
      .limit(1)
      .executeTakeFirst()
    if (other !== undefined) return true
  }
  return false
}

/**
 * Keeps where the instance is reached by its own report, unless another one that may still stand is reached there: two cannot be behind
 * one port, and the first that was seen there keeps it. Returns whether it was kept.
 */
export async function claimEndpoints(
  db: Db,
  key: SessionKey,
  endpoints: readonly StoredEndpoint[],
): Promise<'kept' | 'taken'> {
  return await db.transaction().execute(async (trx) => {
    // Two that ask at once come one after the other.
    await sql`select pg_advisory_xact_lock(hashtext('carrel.endpoints'))`.execute(trx)
    if (await takenElsewhere(trx, key, endpoints)) return 'taken'
    await recordRunning(trx, key, endpoints)
    return 'kept'
  })
}
