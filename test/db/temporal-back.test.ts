import { sql } from 'kysely'
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

/** A process that notes what it finds, and is told how it was before. */
function createProcess() {
  let mine: string | null = null
  return async (state: DependencyState) => {
    const noted = await recordDependency(rows.db, 'temporal', { state, latencyMs: state === 'ok' ? 1 : null }, mine)
    mine = noted.at ?? mine
    return noted.before
  }
}
const status = async () => await rows.db.selectFrom('dependency_status').selectAll().executeTakeFirstOrThrow()
const later = async (seconds: number) =>
  await sql`update dependency_status set checked_at = checked_at - ${seconds}::int * interval '1 second'`.execute(
    rows.db,
  )

test('of many who note that something is back one is told that it was away', async () => {
  const one = createProcess()
  expect(await one('ok')).toBeNull()
  expect(await one('down')).toBe('ok')
  const before = await Promise.all(Array.from({ length: 8 }, async () => await createProcess()('ok')))
  expect(before.toSorted()).toEqual(['down', ...Array.from({ length: 7 }, () => 'ok')])
})

test('a process that alone cannot reach it changes nothing, however often it says so', async () => {
  const [well, sick] = [createProcess(), createProcess()]
  await well('ok')
  const { since } = await status()
  for (let round = 0; round < 3; round++) {
    expect(await sick('down')).toBe('ok')
    expect(await well('ok')).toBe('ok')
  }
  expect(await status()).toMatchObject({ state: 'ok', since })
})

test('when nobody reaches it, whoever did last says so; where that one is gone, another half a minute later', async () => {
  const [first, last] = [createProcess(), createProcess()]
  await first('ok')
  await last('ok')
  await first('down')
  expect((await status()).state).toBe('ok')
  await last('down')
  expect((await status()).state).toBe('down')
  expect(await last('ok')).toBe('down')
  await first('down')
  expect((await status()).state).toBe('ok')
  await later(31)
  await first('down')
  expect((await status()).state).toBe('down')
})
