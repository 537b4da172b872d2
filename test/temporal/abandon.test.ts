import { afterEach, expect, test } from 'vitest'
import { sql } from 'kysely'
import { newId, sessionWorkflowId, teardownWorkflowId } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { addAccount } from '../setup/person.ts'
import { recordingKey } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { ask, createStage, eventually, held, stateOf, stop, storyOf, until } from './stage.ts'
import type { Stage } from './stage.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function open() {
  const provider = createFakeProvider({ endpoint: 'serve' })
  const stage = await createStage({
    provider,
    key: recordingKey,
    timings: { reconcileGraceMs: 0 },
  })
  cleanups.push(async () => await stage.close())
  const workers = await stage.startWorkers()
  cleanups.push(async () => await workers.stop())
  const id = await ask(stage.db, await addAccount(stage.db))
  await until(stage.db, id, ['ready'])
  return { stage, provider, id }
}

/** What an operator's command writes. */
const abandon = async ({ db }: Stage, id: SessionId) =>
  await db
    .updateTable('session')
    .set({
      abandon_requested_at: sql<Date>`now()`,
      wake_version: sql<number>`wake_version + 1`,
      next_try_at: sql<Date>`now()`,
      tries: 0,
    })
    .where('id', '=', id)
    .execute()

test('a cleanup that is given up ends the session and releases what it held; what is seen again is removed', async () => {
  // stop ── remove fails for ever ── abandon ── failed ── (the provider is back) ── reconcile ── nothing left
  const { stage, provider, id } = await open()
  provider.backend.goDown()
  await stop(stage.db, id)
  await until(stage.db, id, ['stopping'])
  await abandon(stage, id)
  await until(stage.db, id, ['failed'])
  expect((await stateOf(stage.db, id)).reason).toBe('abandoned')
  expect((await storyOf(stage.db, id)).slice(-2)).toEqual(['stopping:user', 'failed:abandoned'])
  expect(await held(stage.db, id)).toBe(0)
  expect(await stage.client.workflow.getHandle(sessionWorkflowId(id)).result()).toEqual({ state: 'failed' })
  await record(stage.client, 'abandoned', sessionWorkflowId(id))

  provider.backend.goUp()
  expect(provider.backend.count()).toBe(1)
  await eventually('what was left is removed', async () => {
    await stage.db
      .insertInto('reconciliation')
      .values({ id: newId('reconciliation'), provider_id: 'fake' as ProviderId, requested_by: null, dry_run: false })
      .execute()
    await new Promise((resolve) => setTimeout(resolve, 500))
    return provider.backend.count() === 0
  })
})

test('a teardown is given up in the same way', async () => {
  const { stage, provider, id } = await open()
  const run = stage.client.workflow.getHandle(sessionWorkflowId(id))
  // In the midst of a task it would go on with its books, and give up in the teardown's place.
  await eventually(
    'the run waits for what comes',
    async () => ((await run.describe()).raw.pendingWorkflowTask ?? null) === null,
  )
  await run.terminate('by hand')
  provider.backend.goDown()
  await stop(stage.db, id)
  await until(stage.db, id, ['stopping'])
  await abandon(stage, id)
  await until(stage.db, id, ['failed'])
  expect(await stage.client.workflow.getHandle(teardownWorkflowId(id)).result()).toEqual({ state: 'failed' })
  await record(stage.client, 'teardown-abandoned', teardownWorkflowId(id))
  expect(await held(stage.db, id)).toBe(0)
})
