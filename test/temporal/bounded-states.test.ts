import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from 'kysely'
import { applyConfiguration } from '../../db/bootstrap.ts'
import { readSessionEvents } from '../../db/events.ts'
import { instanceName, sessionWorkflowId } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { endOf, endStates, liveStates } from '../../domain/lifecycle.ts'
import type { Reason, SessionState } from '../../domain/lifecycle.ts'
import { openStageBackend } from '../proof/backend.ts'
import type { ProofBackend } from '../proof/backend.ts'
import { addAccount } from '../setup/person.ts'
import { createSickProviders } from './sick-providers.ts'
import { ask, createStage, eventually, held, stateOf, stop, storyOf, until as untilWithin } from './stage.ts'
import type { Stage } from './stage.ts'

// Every state that is not an end, with whoever it waits for silent for ever: it leaves by its own deadline all the same.
// The cases run side by side, on providers that are each silent in their own way; behind them is a backend in memory, or the
// one that a long proof names.

let backend: ProofBackend
let sick: ReturnType<typeof createSickProviders>
let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
beforeAll(async () => {
  backend = await openStageBackend()
  sick = createSickProviders(backend)
  const { template, networks, here, callMs, provider } = backend
  const removeTimeoutMs = callMs + provider.settleMs
  patienceMs += 4 * removeTimeoutMs
  stage = await createStage({
    provider: sick.open('well'),
    networks,
    template,
    here,
    timings: {
      pauseLimitMs: 1_500,
      cleanupOverdueMs: 1_000,
      databaseTimeoutMs: 2_000,
      databaseRetryMaxMs: 500,
      removeTimeoutMs,
    },
  })
  const kind = { kind: 'fake', networks, settings: {} }
  await applyConfiguration(stage.db, {
    providers: sick.ids.map((id) => ({ id, ...kind, startLimit: id === 'full' ? 1 : 10 })),
    templates: [{ name: 'trivial', spec: template }],
    quotaDefaults: {},
  })
  worker = await stage.startWorkers(undefined, { openProvider: ({ id }) => sick.open(id) })
}, 600_000)
afterAll(async () => {
  for (const gate of Object.values(sick?.gates ?? {})) gate.open()
  for (const { release, released } of locks) {
    release()
    await released
  }
  await worker?.stop()
  await backend?.close(...(stage === undefined ? [] : [stage.deploymentId]))
  await stage?.close()
}, 600_000)

interface Case {
  readonly who: string
  /** Brings a session into the state, with whoever it waits for silent. */
  readonly enter: () => Promise<SessionId>
  /** Why it leaves. `null`: it stays, raises its alarm, and goes on. */
  readonly leaves: Reason | null
  /** Ends the silence, where nothing could be cleaned away else. */
  readonly recover?: () => void
}

/** All of them at once may take their time. */
let patienceMs = 60_000
const until = async (id: SessionId, states: readonly SessionState[]) =>
  await untilWithin(stage.db, id, states, patienceMs)

type Limits = Parameters<typeof ask>[2]
const wanted = async (provider: string, limits: Limits = {}): Promise<SessionId> =>
  await ask(stage.db, await addAccount(stage.db, backend.posix), { providerId: provider as ProviderId, ...limits })
const put = async (provider: string, into: SessionState, limits: Limits = {}): Promise<SessionId> => {
  const id = await wanted(provider, limits)
  // Where it may stay there for seconds only, it may have left before it was looked at.
  await until(id, [into, 'stopping', ...endStates])
  return id
}

/** A row that stands in a state to which nothing leads yet. */
const byHand = async (state: SessionState, limits: Limits = {}): Promise<SessionId> => {
  const id = await put('well', 'ready', limits)
  await sql`update session set state = ${state}, state_since = now(), wake_version = wake_version + 1,
    next_try_at = now() where id = ${id}`.execute(stage.db)
  return id
}

/** A decision that is a day late but for a moment. */
const undecided = async (id: SessionId): Promise<SessionId> => {
  await sql`update session set requested_at = now() - interval '1 day' + interval '2 seconds',
    wake_version = wake_version + 1, next_try_at = now() where id = ${id}`.execute(stage.db)
  return id
}

/** Somebody else's transactions, each of which keeps a payer's quota row for ever. */
const locks: { readonly release: () => void; readonly released: Promise<void> }[] = []
async function lockQuotaOf(payerId: string): Promise<void> {
  const locked = Promise.withResolvers<void>()
  const end = Promise.withResolvers<void>()
  const released = stage.db.transaction().execute(async (trx) => {
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(trx)
    await trx.selectFrom('quota').select('payer_id').where('payer_id', '=', payerId).forUpdate().execute()
    locked.resolve()
    await end.promise
  })
  locks.push({ release: end.resolve, released })
  await locked.promise
}

const cases: Partial<Record<SessionState, readonly Case[]>> = {
  requested: [
    {
      who: 'while somebody keeps the quota of its account locked',
      async enter() {
        const who = await addAccount(stage.db, backend.posix)
        await lockQuotaOf(who.accountId)
        return await undecided(await ask(stage.db, who, { providerId: 'well' as ProviderId }))
      },
      leaves: 'internal',
    },
    {
      who: 'while somebody keeps the quota of its provider locked',
      async enter() {
        await lockQuotaOf('locked')
        return await undecided(await wanted('locked'))
      },
      leaves: 'internal',
    },
  ],
  queued: [
    {
      who: 'behind a provider that never has room',
      async enter() {
        await put('full', 'provisioning')
        return await put('full', 'queued', { queueLimitSeconds: 2 })
      },
      leaves: 'capacity_timeout',
    },
    {
      who: 'behind a breaker that never closes',
      enter: async () => await put('away', 'queued', { queueLimitSeconds: 2 }),
      leaves: 'capacity_timeout',
    },
    {
      who: 'while somebody keeps the quota of its provider locked',
      async enter() {
        await sql`update provider set draining_at = now() where id = 'stuck'`.execute(stage.db)
        const id = await put('stuck', 'queued', { queueLimitSeconds: 2 })
        await lockQuotaOf('stuck')
        return id
      },
      leaves: 'capacity_timeout',
    },
  ],
  provisioning: [
    {
      who: 'whose create is never answered',
      enter: async () => await put('creates', 'provisioning', { startLimitSeconds: 2 }),
      leaves: 'start_timeout',
    },
    {
      who: 'whose door never answers',
      enter: async () => await put('nowhere', 'provisioning', { startLimitSeconds: 2 }),
      leaves: 'start_timeout',
    },
    {
      who: 'at a backend that answers nothing at all',
      enter: async () => await put('everything', 'provisioning', { startLimitSeconds: 2 }),
      leaves: 'start_timeout',
      recover: () => sick.gates.everything.open(),
    },
  ],
  ready: [
    {
      who: 'whose provider never lists what it has',
      enter: async () => await put('lists', 'ready', { lifetimeSeconds: 2 }),
      leaves: 'expired',
    },
    {
      who: 'whose suspicious instance nobody can inspect',
      async enter() {
        const id = await put('inspections', 'ready', { lifetimeSeconds: 10 })
        sick.gates.inspections.shut()
        await backend.exit(stage.deploymentId, id)
        return id
      },
      leaves: 'expired',
    },
  ],
  pausing: [{ who: 'that nobody pauses', enter: async () => await byHand('pausing'), leaves: 'internal' }],
  paused: [
    {
      who: 'that nobody resumes',
      enter: async () => await byHand('paused', { lifetimeSeconds: 10 }),
      leaves: 'expired',
    },
  ],
  resuming: [{ who: 'that nobody resumes', enter: async () => await byHand('resuming'), leaves: 'internal' }],
  stopping: [
    {
      who: 'whose removal is never answered',
      async enter() {
        const id = await put('removals', 'ready')
        await stop(stage.db, id)
        return id
      },
      leaves: null,
      recover: () => sick.gates.removals.open(),
    },
    {
      who: 'whose removal fails again and again',
      async enter() {
        const id = await put('refuses', 'ready')
        await stop(stage.db, id)
        return id
      },
      leaves: null,
      recover: () => sick.giveIn(),
    },
  ],
}

const alarms = async (id: SessionId) =>
  (await readSessionEvents(stage.db, id, 0, 1_000)).filter((e) => e.type === 'session.cleanup_overdue').length

async function leavesByItsDeadline({ enter, leaves, recover }: Case & { readonly leaves: Reason }): Promise<void> {
  const { db } = stage
  const id = await enter()
  await until(id, ['stopping', 'stopped', 'failed'])
  recover?.()
  await until(id, [endOf(leaves)])
  expect((await storyOf(db, id)).slice(-2)).toEqual([`stopping:${leaves}`, `${endOf(leaves)}:${leaves}`])
  await leavesNothing(id)
}

async function alarmsAndGoesOn({ enter, recover }: Case): Promise<void> {
  const { db } = stage
  const id = await enter()
  await eventually('its alarm is raised', async () => (await alarms(id)) > 0, patienceMs)
  const removals = () => sick.vainRemovals(instanceName(id, 1))
  const tried = removals()
  expect(await stateOf(db, id)).toMatchObject({ state: 'stopping', cleanup_overdue_at: expect.any(Date) })
  expect(await held(db, id)).toBe(1)
  await eventually('the removal is tried on', () => removals() > tried, patienceMs)
  recover?.()
  await until(id, ['stopped'])
  expect(await alarms(id)).toBe(1)
  await leavesNothing(id)
}

async function leavesNothing(id: SessionId): Promise<void> {
  expect((await backend.held(stage.deploymentId)).filter(({ sessionId }) => sessionId === id)).toEqual([])
  expect(await held(stage.db, id)).toBe(0)
  const run = stage.client.workflow.getHandle(sessionWorkflowId(id))
  await eventually('its workflow is closed', async () => (await run.describe()).status.name === 'COMPLETED')
  // Who waits does not ask again and again.
  expect((await run.fetchHistory()).events?.length).toBeLessThan(100)
}

/** All at once, on the first call. */
const begun = once(() => {
  const all = liveStates.flatMap((state) => cases[state] ?? [])
  const outcomes = all.map(async (one) => {
    const { leaves } = one
    await (leaves === null ? alarmsAndGoesOn(one) : leavesByItsDeadline({ ...one, leaves }))
  })
  for (const outcome of outcomes) outcome.catch(() => {})
  return new Map(all.map((one, index) => [one, outcomes[index]]))
})

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null
  return () => (made ??= { value: make() }).value
}

test('every state that is not an end is put to the proof', () => {
  expect(liveStates.filter((state) => (cases[state] ?? []).length === 0)).toEqual([])
})

for (const state of liveStates) {
  for (const one of cases[state] ?? []) {
    const { who, leaves } = one
    const ends = leaves === null ? 'raises its alarm once, keeps what it holds, and goes on' : `ends as ${leaves}`
    test(`${state}, ${who}: ${ends}`, async () => await begun().get(one))
  }
}
