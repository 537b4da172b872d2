import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAccessActivities } from '../../activities/access.ts'
import { createWatchDoorsActivities } from '../../activities/watch-doors.ts'
import { keepPassword, noteUse } from '../../db/outside-accounts.ts'
import { dueUses, wantUse, withdrawUses } from '../../db/outside-uses.ts'
import { accountsToRemove, wantAccountRemoved } from '../../db/outside-watch.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { targetOf } from '../../platform/target.ts'
import { createFakeAccessGateway } from '../../ports/access/fake.ts'
import { createDoorScene } from '../setup/doors.ts'
import type { DoorScene } from '../setup/doors.ts'

let scene: DoorScene
beforeAll(async () => {
  scene = await createDoorScene()
})
afterAll(async () => await scene.close())

test('an account that the gateway will not let go holds up no other', async () => {
  const { db } = scene.rows
  const [kept, gone] = [await scene.visitor(), await scene.visitor()]
  for (const { accountId } of [kept, gone]) {
    await keepPassword(db, accountId, Buffer.from('sealed'))
    await wantAccountRemoved(db, accountId)
  }
  const access = createFakeAccessGateway()
  const { watchDoors } = createWatchDoorsActivities({
    db,
    access: {
      ...access,
      removeAccount: async (deploymentId, accountId, signal) =>
        accountId === kept.accountId
          ? { kind: 'refused', code: 'rejected', detail: 'it may not be removed' }
          : await access.removeAccount(deploymentId, accountId, signal),
    },
    deploymentId: 'd',
    timings: defaultTimings,
    onChange: () => () => {},
    onAsked: () => () => {},
    stopping: new AbortController().signal,
    warn: () => {},
  })
  const environment = new MockActivityEnvironment()
  const watching = environment.run(watchDoors, { timings: defaultTimings })
  await expect.poll(async () => await accountsToRemove(db), { timeout: 10_000, interval: 20 }).toEqual([kept.accountId])
  environment.cancel()
  await expect(watching).rejects.toThrow()
})

test('nor does a withdrawal that it refuses', async () => {
  const { db } = scene.rows
  const [owner, guest] = [await scene.visitor(), await scene.visitor()]
  const key = await scene.ready(owner)
  const [first, second] = [owner.accountId, guest.accountId]
    .toSorted()
    .map((accountId) => ({ ...key, door: 'desktop', mode: 'control' as const, accountId }))
  if (first === undefined || second === undefined) throw new Error('There are two.')
  for (const use of [first, second]) {
    await db.transaction().execute(async (trx) => await wantUse(trx, use))
    await noteUse(db, use)
  }
  await withdrawUses(db, [first, second])
  const access = createFakeAccessGateway()
  const { settleDoors } = createAccessActivities({
    db,
    access: {
      ...access,
      revoke: async (use, signal) =>
        use.accountId === first.accountId
          ? { kind: 'refused', code: 'rejected', detail: 'it may not be changed' }
          : await access.revoke(use, signal),
    },
    deploymentId: 'd',
    secrets: { open: () => '' },
    locate: targetOf,
    timings: defaultTimings,
  })
  await expect(new MockActivityEnvironment().run(settleDoors, key)).rejects.toThrow('did not do it')
  expect(await dueUses(db, key)).toEqual([{ kind: 'withdraw', use: first }])
})
