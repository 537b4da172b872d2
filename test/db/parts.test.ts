import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { admitSession } from '../../db/admission.ts'
import type { Db, Trx } from '../../db/connect.ts'
import { handOn, replaceHeld } from '../../db/parts.ts'
import { releaseReservation } from '../../db/reservations.ts'
import { atRest } from '../../domain/resources.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createRows, one } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  rows = await createRows()
  db = rows.db
})
afterAll(async () => await rows.close())

const rests = async (trx: Trx, key: SessionKey) => await replaceHeld(trx, key, atRest(one))
const releases = async (trx: Trx, key: SessionKey) => await releaseReservation(trx, key)

test.each([
  ['a further part', rests],
  ['the next generation', handOn],
  ['the end', releases],
] as const)('no part ends before it began, whoever waited for its turn: %s', async (_, deed) => {
  // waits: begin ············································ deed ── commit
  // other:        begin ── another part, from now on ── commit
  const key = await rows.session(await rows.account())
  await admitSession(db, key)
  await db.transaction().execute(async (trx) => {
    await sql`select now()`.execute(trx)
    await db.transaction().execute(async (other) => await replaceHeld(other, key, one))
    await deed(trx, key)
  })
  await releaseReservation(db, key)
  await releaseReservation(db, { ...key, generation: 2 })
  const parts = await db
    .selectFrom('session_usage')
    .select(['used_from', 'used_to'])
    .select(sql<boolean>`used_to >= used_from`.as('forwards'))
    .select(sql<boolean>`coalesce(used_from = lag(used_to) over (order by generation, part), true)`.as('follows'))
    .where('session_id', '=', key.sessionId)
    .execute()
  expect(parts.length).toBeGreaterThanOrEqual(2)
  expect(parts.filter(({ forwards, follows }) => !forwards || !follows)).toEqual([])
})
