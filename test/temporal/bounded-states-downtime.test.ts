import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from 'kysely'
import { applyConfiguration } from '../../db/bootstrap.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import type { SessionState } from '../../domain/lifecycle.ts'
import { openStageBackend } from '../proof/backend.ts'
import type { ProofBackend } from '../proof/backend.ts'
import { addAccount } from '../setup/person.ts'
import { createSickProviders } from './sick-providers.ts'
import { ask, createStage, eventually, stateOf, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'

/** What a real backend does may take its time. */
const longMs = 300_000
const minute = 60
const hour = 60 * minute
const day = 24 * hour
let backend: ProofBackend
let sick: ReturnType<typeof createSickProviders>
let stage: Stage
let worker: Awaited<ReturnType<typeof startWorkers>>
const startWorkers = async () => await stage.startWorkers(undefined, { openProvider: ({ id }) => sick.open(id) })

beforeAll(async () => {
  backend = await openStageBackend()
  sick = createSickProviders(backend)
  const { networks, template, here } = backend
  stage = await createStage({
    provider: sick.open('well'),
    networks,
    template,
    here,
    timings: { cleanupOverdueMs: 600_000, pauseLimitMs: 600_000, dispatchEveryMs: 600_000 },
  })
  const kind = { kind: 'fake', startLimit: 10, networks, settings: {} }
  await applyConfiguration(stage.db, {
    providers: ['well', 'stuck', 'nowhere', 'refuses'].map((id) => ({ id, ...kind })),
    templates: [{ name: 'trivial', spec: template }],
    quotaDefaults: {},
  })
  await sql`update provider set draining_at = now() where id = 'stuck'`.execute(stage.db)
}, 600_000)
afterAll(async () => {
  await worker?.stop()
  await backend?.close(...(stage === undefined ? [] : [stage.deploymentId]))
  await stage?.close()
}, 600_000)

const wanted = async (provider: string): Promise<SessionId> =>
  await ask(stage.db, await addAccount(stage.db, backend.posix), {
    providerId: provider as ProviderId,
    queueLimitSeconds: 10 * minute,
    startLimitSeconds: 10 * minute,
    lifetimeSeconds: 30 * day,
  })
const put = async (provider: string, state: SessionState): Promise<SessionId> => {
  const id = await wanted(provider)
  await until(stage.db, id, [state], longMs)
  return id
}

/** So long ago is by now all that happened; to what was served the beats of the workers bear witness. */
async function pass(seconds: number, { beats }: { readonly beats: boolean }): Promise<void> {
  const ago = sql`${seconds} * interval '1 second'`
  await sql`update session set requested_at = requested_at - ${ago}, queued_at = queued_at - ${ago},
    dispatched_at = dispatched_at - ${ago}, ready_at = ready_at - ${ago}, state_since = state_since - ${ago},
    lifetime_ends_at = lifetime_ends_at - ${ago} where ended_at is null`.execute(stage.db)
  await sql`update outage set began_at = began_at - ${ago}, ended_at = ended_at - ${ago}`.execute(stage.db)
  if (beats) await sql`update beat set at = at - ${ago}`.execute(stage.db)
}

/** Has every workflow look, and waits until each has. */
async function haveAllLook(ids: readonly SessionId[]): Promise<void> {
  const { db } = stage
  await db
    .updateTable('session')
    .set({ wake_version: sql<number>`wake_version + 1`, next_try_at: sql<Date>`now()`, tries: 0 })
    .where('id', 'in', [...ids])
    .execute()
  await eventually('every one has looked', async () => {
    const rows = await Promise.all(ids.map(async (id) => await stateOf(db, id)))
    return rows.every((row) => row.seen_version === row.wake_version)
  })
}

test('two days without workers end nobody’s session, and time that is served counts as ever', async () => {
  // workers:  serve ──✗ ·············· two days ··············  serve ── ten minutes
  // sessions: in their states          nothing is over          all over
  const { db } = stage
  worker = await startWorkers()
  const ready = await put('well', 'ready')
  const queued = await put('stuck', 'queued')
  const provisioning = await put('nowhere', 'provisioning')
  const stopping = await put('refuses', 'ready')
  await stop(db, stopping)
  await until(db, stopping, ['stopping'])
  await worker.stop()
  const requested = await wanted('well')
  const forgotten = await wanted('well')
  await sql`update session set requested_at = now() - interval '2 days' where id = ${forgotten}`.execute(db)
  await pass(2 * day, { beats: true })

  worker = await startWorkers()
  const waiting = [queued, provisioning, stopping]
  await haveAllLook([ready, ...waiting])
  const states = await Promise.all([ready, ...waiting].map(async (id) => (await stateOf(db, id)).state))
  expect(states).toEqual(['ready', 'queued', 'provisioning', 'stopping'])
  expect((await stateOf(db, stopping)).cleanup_overdue_at).toBeNull()
  // One that had waited for two days before the workers went, and one that was wanted when they had gone.
  await until(db, forgotten, ['failed'])
  expect((await stateOf(db, forgotten)).reason).toBe('internal')
  await until(db, requested, ['ready'], longMs)

  await pass(10 * minute, { beats: false })
  await haveAllLook([ready, requested, ...waiting])
  await until(db, queued, ['failed'], longMs)
  await until(db, provisioning, ['failed'], longMs)
  const reasons = await Promise.all([queued, provisioning].map(async (id) => (await stateOf(db, id)).reason))
  expect(reasons).toEqual(['capacity_timeout', 'start_timeout'])
  expect((await stateOf(db, ready)).state).toBe('ready')
  sick.giveIn()
  await until(db, stopping, ['stopped'], longMs)
}, 600_000)
