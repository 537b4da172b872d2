import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLinkRecords } from '../../db/link-records.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { createLinkProvider } from '../../ports/compute/link/provider.ts'
import { addAccount } from '../setup/person.ts'
import { ask, createStage, held, stateOf, stop, storyOf, until } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>>
beforeAll(async () => {
  stage = await createStage({
    provider: createFakeProvider(),
    template: { doors: {}, readiness: { kind: 'none' }, backend: { link: { url: 'https://desk.example/' } } },
  })
  const openProvider = ({ id }: { readonly id: ProviderId }) => createLinkProvider(createLinkRecords(stage.db, id))
  worker = await stage.startWorkers(undefined, { openProvider })
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

test('a link is a session as any other: held, counted, ended, expired, and then nothing is left', async () => {
  const { db } = stage
  const who = await addAccount(db)
  const [asked, expiring] = await Promise.all([ask(db, who), ask(db, who, { lifetimeSeconds: 2 })])
  await until(db, asked, ['ready'])
  expect(await held(db, asked)).toBe(1)
  await until(db, expiring, ['stopped'])
  expect((await stateOf(db, expiring)).reason).toBe('expired')
  await stop(db, asked)
  await until(db, asked, ['stopped'])
  expect(await storyOf(db, asked)).toEqual(['requested', 'provisioning', 'ready', 'stopping:user', 'stopped:user'])
  expect(await held(db, asked)).toBe(0)
  expect(await db.selectFrom('link').selectAll().execute()).toEqual([])
  const usage = await db.selectFrom('session_usage').select('reason').where('session_id', '=', asked).execute()
  expect(usage).toEqual([{ reason: 'user' }])
})
