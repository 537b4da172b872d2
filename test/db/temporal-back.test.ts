import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordDependency } from '../../db/dependencies.ts'
import type { DependencyState } from '../../db/dependencies.ts'
import { claimDeliveries, hurryDeliveries } from '../../db/deliveries.ts'
import { requestStop } from '../../db/intents.ts'
import { lookAt } from '../../db/look.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'

let rows: Rows
let owner: Owner
beforeAll(async () => {
  rows = await createRows()
  owner = await rows.account()
})
afterAll(async () => await rows.close())

const due = async () => (await claimDeliveries(rows.db, 100)).map(({ sessionId }) => sessionId)

test('what waited because Temporal was away is due when it is back, and nothing else is', async () => {
  const { db } = rows
  const untold = await rows.session(owner)
  const told = await rows.session(owner)
  expect((await due()).toSorted()).toEqual([untold.sessionId, told.sessionId].toSorted())
  // Its workflow has seen everything, the stop too: it is asked after in its own time.
  await db.transaction().execute(async (trx) => await requestStop(trx, told.sessionId, 'user'))
  expect(await due()).toEqual([told.sessionId])
  await lookAt(db, told.sessionId, defaultTimings)
  expect(await due()).toEqual([])
  await hurryDeliveries(db)
  expect(await due()).toEqual([untold.sessionId])
  expect(await due()).toEqual([])
})

test('of many who note that something is back one is told that it was away', async () => {
  const note = async (state: DependencyState) =>
    await recordDependency(rows.db, 'temporal', { state, latencyMs: state === 'ok' ? 1 : null })
  expect(await note('ok')).toBeNull()
  expect(await note('down')).toBe('ok')
  const before = await Promise.all(Array.from({ length: 8 }, async () => await note('ok')))
  expect(before.toSorted()).toEqual(['down', ...Array.from({ length: 7 }, () => 'ok')])
})
