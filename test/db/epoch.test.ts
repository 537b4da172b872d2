import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { claimDeliveries } from '../../db/deliveries.ts'
import { armInstallation, raiseTick, readArming, verifyGround } from '../../db/epoch.ts'
import { migrateToLatest } from '../../db/migrate.ts'
import { createDatabase } from '../setup/database.ts'
import { dump, restore } from '../setup/dump.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
let db: Db
beforeAll(async () => {
  database = await createDatabase()
  await migrateToLatest(database.url)
  db = connect({ url: database.url, poolSize: 4 })
})
afterAll(async () => {
  await db.destroy()
  await database.drop()
})
beforeEach(async () => {
  await db.transaction().execute(armInstallation)
})

const arm = async () => await db.transaction().execute(armInstallation)

test('the first look stores the ground; the same ground is fine, another Temporal is a copy', async () => {
  expect(await verifyGround(db, 'one')).toMatchObject({ disarmed: null })
  expect(await verifyGround(db, 'one')).toMatchObject({ disarmed: null })
  expect(await verifyGround(db, 'two')).toMatchObject({ disarmed: 'copied' })
  // Back on its ground it is not armed by itself.
  expect(await verifyGround(db, 'one')).toMatchObject({ disarmed: 'copied' })
  expect(await arm()).toBe('armed')
  expect(await arm()).toBe('already')
  expect(await verifyGround(db, 'two')).toMatchObject({ disarmed: null })
})

test('a dump in another database is a copy', async () => {
  await verifyGround(db, 'two')
  const copy = await createDatabase()
  await restore(copy.url, await dump(db))
  const there = connect({ url: copy.url, poolSize: 1 })
  try {
    expect(await verifyGround(there, 'two')).toMatchObject({ disarmed: 'copied' })
    expect((await readArming(db)).disarmed).toBeNull()
  } finally {
    await there.destroy()
    await copy.drop()
  }
})

test('a tick that is not past the last one disarms, and arming is past everything', async () => {
  const first = await raiseTick(db, null)
  const second = await raiseTick(db, first)
  expect(second).toMatchObject({ epoch: first.epoch, tick: first.tick + 1, disarmed: null })
  await db.updateTable('installation').set({ tick: '0' }).execute()
  expect(await raiseTick(db, second)).toMatchObject({ disarmed: 'restored' })
  expect(await claimDeliveries(db, 10)).toEqual([])
  await arm()
  expect(await raiseTick(db, second)).toMatchObject({ epoch: second.epoch + 1, disarmed: null })
})

test('also a dump from before an earlier arming is past it once armed', async () => {
  await db.updateTable('installation').set({ epoch: 2, tick: '5' }).execute()
  expect(await raiseTick(db, { epoch: 7, tick: 40 })).toMatchObject({ disarmed: 'restored' })
  await arm()
  expect(await raiseTick(db, { epoch: 7, tick: 40 })).toMatchObject({ epoch: 8, disarmed: null })
})
