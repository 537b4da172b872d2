import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPausingActivities } from '../../activities/pausing.ts'
import { admitSession } from '../../db/admission.ts'
import { toReady } from '../../db/endings.ts'
import { beginInstance, readInstance, recordRunning } from '../../db/instances.ts'
import { requestPause } from '../../db/pause-wishes.ts'
import { backToPaused, backToReady, toPaused, toPausing } from '../../db/pauses.ts'
import { readmitSession } from '../../db/readmission.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { PauseWish } from '../../domain/pausing.ts'
import type { SessionKey } from '../../domain/session.ts'
import { defaultTimings } from '../../domain/timings.ts'
import type { Running } from '../../ports/compute/provider.ts'
import { locator } from '../../platform/target.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { allPausable } from '../setup/pausable.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

const fake = 'fake' as ProviderId
const at = (host: string) => [{ port: 8_888, host, hostPort: 8_888 }]

let rows: Rows
beforeAll(async () => {
  rows = await createRows()
  await allPausable(rows.db)
  await rows.db
    .updateTable('provider')
    .set({ networks: ['10.0.0.0/8'] })
    .execute()
})
afterAll(async () => await rows.close())

const ask = async ({ sessionId }: SessionKey, wish: PauseWish) =>
  await rows.db.transaction().execute(async (trx) => await requestPause(trx, sessionId, wish))

/** A session that runs at 10.0.0.1 and is being paused, as its first wish. */
async function pausing() {
  const { db } = rows
  const key = { ...(await rows.session(await rows.account())), number: 1 }
  await admitSession(db, key)
  await toReady(db, key)
  await beginInstance(db, key, fake, Buffer.from('sealed'))
  await recordRunning(db, key, at('10.0.0.1'))
  await ask(key, 'pause')
  await toPausing(db, key)
  return key
}

/** A session that could not be paused in time and rested after all, as it is woken at what the backend says. */
async function woken(state: Running) {
  const { db } = rows
  const key = await pausing()
  await backToReady(db, key)
  const { resumeInstance } = createPausingActivities({
    db,
    providerId: fake,
    provider: { ...createFakeProvider(), resume: async () => state },
    locate: locator([]),
    timings: defaultTimings,
    stopping: new AbortController().signal,
  })
  expect(await new MockActivityEnvironment().run(resumeInstance, key)).toEqual({ kind: 'runs' })
  return (await readInstance(db, key))?.endpoints
}

test('a ready session that is woken elsewhere is reached there, and no more where another one may be', async () => {
  expect(await woken({ kind: 'running', endpoints: at('10.0.0.2') })).toEqual(at('10.0.0.2'))
  expect(await woken({ kind: 'running', endpoints: at('192.168.0.1'), unverified: true })).toEqual([])
})

test('what ran again and did not answer in time rests, and where it was, anybody may answer', async () => {
  const { db } = rows
  const key = await pausing()
  await toPaused(db, key)
  await ask(key, 'resume')
  const again = { ...key, number: 2 }
  await readmitSession(db, again)
  await recordRunning(db, key, at('10.0.0.1'))
  expect((await backToPaused(db, again, 'start_timeout')).moved).toEqual({ kind: 'moved' })
  expect((await readInstance(db, key))?.endpoints).toEqual([])
})
