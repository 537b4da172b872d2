import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { addAccount, ask, createStage, held, stateOf, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
const provider = createFakeProvider({ endpoint: 'serve' })

beforeAll(async () => {
  stage = await createStage({ provider })
  worker = await stage.startWorkers()
})
afterAll(async () => {
  await worker.stop()
  await stage.close()
})

test('a session comes up, answers, and goes away without a trace', async () => {
  const { db } = stage
  const id = await ask(db, await addAccount(db))
  const t0 = Date.now()
  await until(db, id, ['ready'])
  console.log('ready after', Date.now() - t0)
  expect(await held(db)).toBe(1)
  await stop(db, id)
  const t1 = Date.now()
  await until(db, id, ['stopped'])
  console.log('stopped after', Date.now() - t1)
  expect(await stateOf(db, id)).toMatchObject({ reason: 'user' })
  expect(await held(db)).toBe(0)
})
