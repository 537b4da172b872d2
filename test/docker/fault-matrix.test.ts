import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceName } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { call } from '../conformance/compute-harness.ts'
import { balanced, listInstances } from '../proof/balance.ts'
import { createDesk } from '../proof/faults/desk.ts'
import { anywhere, atBackend } from '../proof/faults/faults.ts'
import { gatedActivities, gatedProvider } from '../proof/faults/gated.ts'
import { createGround } from '../proof/faults/ground.ts'
import type { Ground } from '../proof/faults/ground.ts'
import { cellsOf, runCells, summaryOf, wordsOf } from '../proof/faults/matrix.ts'
import { reachOf } from '../proof/faults/run-case.ts'
import { tell } from '../proof/length.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage } from '../temporal/stage.ts'
import type { Stage } from '../temporal/stage.ts'
import { baseImage, docker, leftovers, openDocker, serverSpec } from './docker-harness.ts'

const { command } = serverSpec({ name: '', deploymentId: '', sessionId: '' as SessionId, generation: 1 })
const provider = openDocker({ settleMs: 2_000 })
const desk = createDesk(reachOf(() => ground))
let stage: Stage
let ground: Ground
let worker: Awaited<ReturnType<Stage['startWorkers']>>

beforeAll(async () => {
  stage = await createStage({
    provider: gatedProvider(provider, desk),
    startLimit: 4,
    template: {
      image: baseImage,
      command,
      user: { uid: 1000, gid: 1000 },
      doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
      readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
    },
    timings: {
      databaseTimeoutMs: 3_000,
      createTimeoutMs: 15_000,
      // Waiting is to have faults of its own.
      answerSoonMs: 0,
      removeTimeoutMs: 15_000,
      heartbeatMs: 2_000,
      observeIdleMs: 1_000,
      breakerMs: 300,
    },
  })
  ground = createGround({
    db: stage.db,
    client: stage.client,
    like: 'fake' as ProviderId,
    instances: async () => await listInstances([provider], stage.deploymentId),
    exit: (id) => void docker.getContainer(instanceName(id, 1)).kill(),
    strand: async () => await Promise.reject(new Error('nothing is stranded here')),
  })
  worker = await stage.startWorkers(undefined, { interceptors: gatedActivities(desk) })
}, 600_000)
afterAll(async () => {
  ground?.close()
  await worker?.stop()
  if (stage !== undefined)
    for await (const { ref } of provider.list(stage.deploymentId, call())) await provider.remove(ref, call())
  await stage?.close()
  await provider.close()
})

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

test('whatever happens around a container, its session ends right and leaves nothing', async () => {
  const cells = cellsOf(['createInstance', 'awaitReady', 'removeInstance'], anywhere, atBackend)
  const some = cells.filter(({ activity, fault }) => wanted[activity]?.includes(fault.name))
  expect(some).toHaveLength(Object.values(wanted).flat().length)
  const who = await addAccount(stage.db)
  const live = await ask(stage.db, who)
  const run = { ground, desk, who, timings: stage.timings, live, lanes: 4, boundMs: 120_000 }
  const verdicts = await runCells(run, some)
  const words = wordsOf(verdicts)
  tell({ cases: verdicts.length, breaches: words, notes: [summaryOf('fault matrix, docker', verdicts)] })
  expect(words).toEqual([])
  await ground.stop(live)
  await ground.until(live, ['stopped'], 60_000)
  expect(await balanced(ground, { allEnded: true }, 30_000)).toEqual([])
  expect(await leftovers(stage.deploymentId)).toEqual([])
}, 300_000)
