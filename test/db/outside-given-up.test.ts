import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWatchDoorsActivities } from '../../activities/watch-doors.ts'
import { abandonSession, toStopping } from '../../db/endings.ts'
import { givenUpDoors, noteUse, notedUses } from '../../db/outside-accounts.ts'
import { wantUse } from '../../db/outside-uses.ts'
import { defaultTimings } from '../../domain/timings.ts'
import type { AccessGateway } from '../../ports/access/access-gateway.ts'
import { createFakeAccessGateway } from '../../ports/access/fake.ts'
import { createDoorScene } from '../setup/doors.ts'
import type { DoorScene } from '../setup/doors.ts'

let scene: DoorScene
beforeAll(async () => {
  scene = await createDoorScene()
})
afterAll(async () => await scene.close())

const timings = { ...defaultTimings, listDoorsMs: 20, sweepDoorsMs: 20 }

/** Whoever serves the gateway again. */
function watching(access: AccessGateway): () => Promise<void> {
  const { watchDoors } = createWatchDoorsActivities({
    ...{ db: scene.rows.db, access, deploymentId: 'd', timings, warn: () => {} },
    ...{ onChange: () => () => {}, onAsked: () => () => {}, stopping: new AbortController().signal },
  })
  const environment = new MockActivityEnvironment()
  const run = environment.run(watchDoors, { timings })
  run.catch(() => undefined)
  return async () => {
    environment.cancel()
    await expect(run).rejects.toThrow()
  }
}

test('doors outside that were given up on open to nobody, and are closed when their gateway is served again', async () => {
  // stop ── nobody serves the gateway ── abandon ── failed ── (somebody does again) ── closed
  const { db } = scene.rows
  const owner = await scene.visitor()
  const [opened, never] = [await scene.ready(owner), await scene.ready(owner)]
  const useOf = (key: typeof opened) => ({
    ...key,
    ...{ door: 'desktop', mode: 'control' as const, accountId: owner.accountId },
  })
  for (const key of [opened, never]) {
    const use = useOf(key)
    await db.transaction().execute(async (trx) => await wantUse(trx, use))
    expect(await noteUse(db, use)).toBe('noted')
    await toStopping(db, key, 'user')
    expect((await abandonSession(db, key)).kind).toBe('moved')
    expect(await noteUse(db, use)).toBe('ended')
  }
  const closed = async () =>
    (await db.selectFrom('outside_doors').select(['session_id', 'closed_at']).execute())
      .filter((row) => row.closed_at !== null)
      .map((row) => row.session_id)
  expect([await closed(), (await notedUses(db, owner)).length]).toEqual([[], 2])

  const access = createFakeAccessGateway()
  const target = { protocol: 'vnc', host: '10.1.2.3', port: 5_901, parameters: {} } as const
  await access.open({ ...useOf(opened), deploymentId: 'd' }, target, AbortSignal.timeout(5_000))
  access.backend.goDown()
  const leave = watching(access)
  const ids = [opened.sessionId, never.sessionId].toSorted()
  access.backend.goUp()
  await expect.poll(async () => (await closed()).toSorted(), { timeout: 10_000, interval: 20 }).toEqual(ids)
  await leave()
  expect([access.backend.connections.size, await notedUses(db, owner)]).toEqual([0, []])
})

test('those that the gateway will not close keep none that come later waiting', async () => {
  const { db } = scene.rows
  const owner = await scene.visitor()
  const keys = []
  for (let n = 0; n < 21; n++) {
    const key = await scene.ready(owner)
    await noteUse(db, { ...key, door: 'desktop', mode: 'control', accountId: owner.accountId })
    await toStopping(db, key, 'user')
    expect((await abandonSession(db, key)).kind).toBe('moved')
    keys.push(key)
  }
  const last = keys.at(-1)?.sessionId
  const access = createFakeAccessGateway()
  const leave = watching({
    ...access,
    closeDoors: async (doors, signal) =>
      doors.sessionId === last
        ? await access.closeDoors(doors, signal)
        : { kind: 'refused', code: 'rejected', detail: 'it may not be removed' },
  })
  const open = async () => (await givenUpDoors(db, 100, null)).map(({ sessionId }) => sessionId).toSorted()
  const others = keys.slice(0, -1).map(({ sessionId }) => sessionId)
  await expect.poll(open, { timeout: 20_000, interval: 20 }).toEqual(others.toSorted())
  await leave()
})
