import { Worker } from '@temporalio/worker'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { readFileSync } from 'node:fs'
import { sessionWorkflowId } from '../../domain/ids.ts'
import { createDataConverter } from '../../platform/temporal/data-converter.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { lookAgain } from '../../workflows/session.messages.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage, eventually, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
beforeAll(async () => {
  stage = await createStage({
    provider: createFakeProvider({ endpoint: 'serve' }),
    // As a site sees it within an hour: what it waits for longer than this it sleeps for.
    timings: { databaseRetryMs: 50, databaseRetryMaxMs: 200 },
  })
  worker = await stage.startWorkers()
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

test('a run whose books are away for long sleeps between its tries, and goes on when they are back', async () => {
  // books:  here ── away ───────────────────────────────────── back
  // run:    ready ── look ✗ ✗ ✗ (task kept open) ── ✗ sleeps ✗ sleeps ·· look ── stopped
  const id = await ask(stage.db, await addAccount(stage.db))
  await until(stage.db, id, ['ready'])
  const handle = stage.client.workflow.getHandle(sessionWorkflowId(id))
  const slept = async () => {
    const { events } = await handle.fetchHistory()
    return (events ?? []).filter((event) => Boolean(event.timerFiredEventAttributes)).length
  }
  const before = await slept()
  await sql`alter table session rename to session_away`.execute(stage.db)
  await handle.signal(lookAgain)
  await eventually('it has slept twice', async () => (await slept()) >= before + 2)
  await sql`alter table session_away rename to session`.execute(stage.db)
  await stop(stage.db, id)
  await until(stage.db, id, ['stopped'])
  await handle.result()
  const workflowBundle = { code: readFileSync(inject('workflowBundle'), 'utf8') }
  const dataConverter = createDataConverter(stage.keyring, () => {})
  const history = await handle.fetchHistory()
  await expect(Worker.runReplayHistory({ workflowBundle, dataConverter }, history, handle.workflowId)).resolves.toBe(
    undefined,
  )
})
