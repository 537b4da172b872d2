import { afterAll, beforeAll, expect, test } from 'vitest'
import { endMaintenance, putMaintenance } from '../../db/maintenance.ts'
import { requestRetry } from '../../db/operations.ts'
import { reopenProvider, shutProvider } from '../../db/provider-shut.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage, eventually, held, stateOf, storyOf, until } from './stage.ts'
import type { Stage } from './stage.ts'

// Whoever waits would wait for minutes: what an operator does is heard at once, or these tests time out.

const fake = 'fake' as ProviderId
const minutes = 300_000
const backend = createFakeBackend()
let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
beforeAll(async () => {
  stage = await createStage({
    provider: createFakeProvider({ backend, endpoint: 'serve', requestTimeoutMs: 500 }),
    timings: { dispatchEveryMs: minutes, breakerMs: minutes },
    startLimit: 2,
  })
  worker = await stage.startWorkers()
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

const seen = (id: Parameters<typeof stateOf>[1]) => async () => (await stateOf(stage.db, id)).seen_version > 0

test('what was asked before a maintenance waits undecided, and is decided when it ends', async () => {
  const { db } = stage
  await db.transaction().execute((trx) => putMaintenance(trx, { text: 'Back soon.', until: null }, null))
  const ids = [await ask(db, await addAccount(db)), await ask(db, await addAccount(db))]
  for (const id of ids) await eventually('its workflow has looked', seen(id))
  for (const id of ids) expect([(await stateOf(db, id)).state, await held(db, id)]).toEqual(['requested', 0])
  await db.transaction().execute(endMaintenance)
  for (const id of ids) await until(db, id, ['ready'])
})

test('where a provider drains everybody waits, and begins when it no longer does', async () => {
  const { db } = stage
  await db.transaction().execute((trx) => shutProvider(trx, fake, 'draining'))
  const who = await addAccount(db)
  const ids = [await ask(db, who), await ask(db, who), await ask(db, who)]
  for (const id of ids) {
    await until(db, id, ['queued'])
    await eventually('its workflow has looked', seen(id))
  }
  await db.transaction().execute((trx) => reopenProvider(trx, fake, 'draining'))
  for (const id of ids) await until(db, id, ['ready'])
  for (const id of ids)
    expect(await storyOf(db, id)).toEqual(['requested', 'queued:provider_unavailable', 'provisioning', 'ready'])
})

test('a retry has the provider tried now, and all who wait for it begin', async () => {
  const { db } = stage
  backend.goDown()
  const who = await addAccount(db)
  const ids = [await ask(db, who), await ask(db, who)]
  for (const id of ids) await until(db, id, ['queued'])
  backend.goUp()
  const asked = ids[1] ?? ids[0]
  if (asked === undefined) throw new Error('Two were asked for.')
  await db.transaction().execute((trx) => requestRetry(trx, asked))
  for (const id of ids) await until(db, id, ['ready'])
})
