import { afterAll, beforeAll, expect, test } from 'vitest'
import { sessionWorkflowId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { ComputeProvider } from '../../ports/compute/provider.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage, eventually, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'

const fake = createFakeProvider({ endpoint: 'serve', settleMs: 50 })
let isSlow = false
const provider: ComputeProvider = {
  ...fake,
  inspect: async (ref, call) => (isSlow ? { kind: 'pending', reason: 'slow' } : await fake.inspect(ref, call)),
}
let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>

beforeAll(async () => {
  stage = await createStage({ provider, timings: { answerSoonMs: 300 } })
  worker = await stage.startWorkers()
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

/** The activities of the session's first run, as the server knows them. */
async function activitiesOf(id: SessionId): Promise<readonly string[]> {
  const { firstExecutionRunId: runId } = await stage.client.workflow
    .getHandle(sessionWorkflowId(id))
    .describe()
    .then(({ raw }) => ({ firstExecutionRunId: raw.workflowExecutionInfo?.firstRunId ?? '' }))
  const { events } = await stage.client.workflow.getHandle(sessionWorkflowId(id), runId).fetchHistory()
  return (events ?? []).flatMap((e) => e.activityTaskScheduledEventAttributes?.activityType?.name ?? [])
}

test('an instance that answers soon is waited for by its create alone, and one that does not by an activity of its own', async () => {
  const who = await addAccount(stage.db)
  const soon = await ask(stage.db, who)
  await until(stage.db, soon, ['ready'])
  expect(await activitiesOf(soon)).toEqual(['createInstance'])

  isSlow = true
  const late = await ask(stage.db, who)
  await eventually('it is waited for', async () =>
    (await activitiesOf(late).catch((): readonly string[] => [])).includes('awaitReady'),
  )
  isSlow = false
  await until(stage.db, late, ['ready'])
  expect(await activitiesOf(late)).toEqual(['createInstance', 'awaitReady'])

  await Promise.all([soon, late].map(async (id) => await stop(stage.db, id)))
  await Promise.all([soon, late].map(async (id) => await until(stage.db, id, ['stopped'])))
})
