import { afterAll, beforeAll, expect, test } from 'vitest'
import { balanced } from '../proof/balance.ts'
import { askedBeside, openBackend } from '../proof/backend.ts'
import type { ProofBackend } from '../proof/backend.ts'
import { createDesk } from '../proof/faults/desk.ts'
import { anywhere, atBackend } from '../proof/faults/faults.ts'
import { gatedActivities, gatedProvider } from '../proof/faults/gated.ts'
import type { Ground } from '../proof/faults/ground.ts'
import { cellsOf, leftOutOf, providerAskers, runCells, summaryOf, wordsOf } from '../proof/faults/matrix.ts'
import { reachOf } from '../proof/faults/run-case.ts'
import { createStand } from '../proof/faults/stand.ts'
import { missing, proofLength, tell } from '../proof/length.ts'
import { localProvider, proofTarget } from '../proof/target.ts'
import { toldTarget } from '../proof/told-target.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage } from '../temporal/stage.ts'
import type { Stage } from '../temporal/stage.ts'

// On Docker; the long proof runs it on whatever provider it is told.
const target = toldTarget() ?? proofTarget({ provider: localProvider('docker', { settleMs: 2_000 }), directory: '' })
const { long, durationMs } = proofLength({ seed: 1, runs: 1, durationMs: 300_000 })
const desk = createDesk(reachOf(() => ground))
let backend: ProofBackend
let stage: Stage
let ground: Ground
let worker: Awaited<ReturnType<Stage['startWorkers']>>

beforeAll(async () => {
  backend = await openBackend(target)
  const { provider, callMs, networks, template, here } = backend
  stage = await createStage({
    provider: gatedProvider(provider, desk, 2 * callMs),
    startLimit: 4,
    networks,
    template,
    here,
    timings: {
      databaseTimeoutMs: 3_000,
      createTimeoutMs: callMs,
      // Waiting is to have faults of its own.
      answerSoonMs: 0,
      readyTimeoutMs: callMs,
      removeTimeoutMs: callMs + provider.settleMs,
      inspectTimeoutMs: callMs,
      heartbeatMs: 2_000,
      observeRunMs: 2_000,
      observeIdleMs: 1_000,
      breakerMs: 300,
    },
  })
  ground = createStand(backend).ground(stage)
  worker = await stage.startWorkers(undefined, { interceptors: gatedActivities(desk) })
}, 600_000)
afterAll(async () => {
  ground?.close()
  await worker?.stop()
  await backend?.close(...(stage === undefined ? [] : [stage.deploymentId]))
  await stage?.close()
}, 600_000)

/** What concerns containers, without what would only wait. */
const wanted: Readonly<Record<string, readonly string[]>> = {
  createInstance: [
    'fails after its effect',
    'times out, and takes effect when all is over',
    'runs beside itself',
    'a stop comes before its effect',
    'its backend’s answer is lost',
    'a stop comes, and it reaches its backend when all is over',
    'a stop comes before its backend answers',
  ],
  awaitReady: ['fails before', 'a stop comes after its effect'],
  removeInstance: [
    'fails after its effect',
    'times out after its effect',
    'runs beside itself',
    'its backend’s answer is lost',
  ],
}

test(
  'whatever happens around an instance, its session ends right and leaves nothing',
  async () => {
    const until = Date.now() + durationMs * 0.7
    const abilities = backend.abilities()
    const cells = cellsOf(providerAskers(abilities), anywhere, atBackend, abilities)
    const few = cells.filter(({ activity, fault }) => wanted[activity]?.includes(fault.name))
    expect(few).toHaveLength(Object.values(wanted).flat().length)
    const { callMs, name, provider } = backend
    const who = await addAccount(stage.db, backend.posix)
    const live = await ask(stage.db, who)
    const run = {
      ground,
      desk,
      who,
      timings: stage.timings,
      live,
      lanes: 4,
      boundMs: 60_000 + 3 * callMs + 6 * provider.settleMs,
      settleMs: 10_000 + 2 * provider.settleMs,
      stepMs: 2 * stage.timings.removeTimeoutMs,
      until,
    }
    expect(await ground.until(live, ['ready'], 600_000)).not.toBeNull()
    const seen = await backend.leftovers(stage.deploymentId, 0)
    expect(seen).not.toEqual([])
    const only = process.env['TEST_CELLS'] ?? ''
    const all = (long ? cells : few).filter(({ activity, fault }) => `${activity} ${fault.name}`.includes(only))
    const verdicts = await runCells(run, all)
    const words = wordsOf(verdicts)
    const missed = missing(verdicts.length, all.length, 'cases')
    const notes = [summaryOf(`fault matrix, ${name}`, verdicts), askedBeside(seen), ...leftOutOf(abilities)]
    tell({ cases: verdicts.length, breaches: words, missed, notes })
    expect(words).toEqual([])
    await ground.stop(live)
    await ground.until(live, ['stopped'], 60_000 + callMs)
    expect(await balanced(ground, { allEnded: true }, 30_000 + callMs)).toEqual([])
    expect((await backend.leftovers(stage.deploymentId)) ?? []).toEqual([])
  },
  durationMs,
)
