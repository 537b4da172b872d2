import { Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { SessionId } from '../../domain/ids.ts'
import { balanced } from '../proof/balance.ts'
import { createDesk } from '../proof/faults/desk.ts'
import { createFakeStand } from '../proof/faults/stand.ts'
import { anywhere, atBackend } from '../proof/faults/faults.ts'
import { gatedActivities, gatedProvider } from '../proof/faults/gated.ts'
import { gatedAccess } from '../proof/faults/gated-access.ts'
import type { Ground } from '../proof/faults/ground.ts'
import { activitiesOf, cellsOf, fewerOf, runCells, summaryOf, unsaidAskers, wordsOf } from '../proof/faults/matrix.ts'
import { deskDoor } from '../proof/faults/outside.ts'
import { reachOf } from '../proof/faults/run-case.ts'
import { proofLength, tell } from '../proof/length.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage } from './stage.ts'
import type { Stage } from './stage.ts'

const { long, durationMs } = proofLength({ seed: 1, runs: 1, durationMs: 600_000 })
const stand = createFakeStand()
const desk = createDesk(reachOf(() => ground))
let stage: Stage
let ground: Ground
let worker: Awaited<ReturnType<Stage['startWorkers']>>
let registered: string[]
let live: SessionId

/** So short that what hangs is given up in a moment, and long enough for a busy machine. */
const timings = {
  databaseTimeoutMs: 2_000,
  databaseRetryMaxMs: 500,
  createTimeoutMs: 3_000,
  // Waiting is to have faults of its own.
  answerSoonMs: 0,
  readyTimeoutMs: 4_000,
  removeTimeoutMs: 3_000,
  inspectTimeoutMs: 1_500,
  heartbeatMs: 2_000,
  providerRetryMaxMs: 500,
  observeRunMs: 1_000,
  observeIdleMs: 1_000,
  cleanupOverdueMs: 1_500,
  accessTimeoutMs: 3_000,
  closeDoorsFirstMs: 2_000,
  watchDoorsMs: 300,
  listDoorsMs: 500,
  dispatchEveryMs: 500,
  breakerMs: 300,
}

beforeAll(async () => {
  const create = vi.spyOn(Worker, 'create')
  stage = await createStage({
    provider: gatedProvider(stand.provider, desk),
    startLimit: 200,
    timings,
    template: { doors: deskDoor },
  })
  ground = stand.ground(stage)
  worker = await stage.startWorkers(['core', 'access', 'provider/*'], {
    interceptors: gatedActivities(desk),
    openAccess: () => gatedAccess(stand.access, desk),
  })
  registered = create.mock.calls.flatMap(([{ activities = {} }]) => Object.keys(activities))
  create.mockRestore()
  live = await ask(stage.db, await addAccount(stage.db))
})
afterAll(async () => {
  ground?.close()
  await worker?.stop()
  await stage?.close()
})

test(
  'whatever happens to any activity, its session ends right and leaves nothing',
  async () => {
    const all = cellsOf(activitiesOf(registered), anywhere, atBackend, stand.provider.capabilities)
    const cells = long ? all : fewerOf(all, 2)
    const wanted = process.env['TEST_CELLS'] ?? ''
    const some = cells.filter(({ activity, fault }) => `${activity} ${fault.name}`.includes(wanted))
    const who = await addAccount(stage.db)
    await ground.until(live, ['ready'], 30_000)
    const run = { ground, desk, who, timings: stage.timings, live, lanes: 16, boundMs: 120_000 }
    const verdicts = await runCells(run, some)
    const words = wordsOf(verdicts)
    tell({ cases: verdicts.length, breaches: words, notes: [summaryOf('fault matrix', verdicts)] })
    expect(words).toEqual([])
    expect(unsaidAskers(desk.askers())).toEqual([])
    await ground.stop(live)
    await ground.until(live, ['stopped'], 30_000)
    expect(await balanced(ground, { allEnded: true }, 30_000)).toEqual([])
  },
  durationMs,
)
