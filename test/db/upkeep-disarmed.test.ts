import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createUpkeepActivities } from '../../activities/upkeep.ts'
import type { Db } from '../../db/connect.ts'
import { armInstallation } from '../../db/epoch.ts'
import { defaultRetention } from '../../domain/retention.ts'
import { endedSession, minutesOf } from '../setup/aged.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  rows = await createRows()
  db = rows.db
})
afterAll(async () => await rows.close())

/** One of each thing that is due by the clock alone. */
async function sow(): Promise<void> {
  const owner = await rows.account()
  const overdue = await rows.session(owner)
  await rows.scene(overdue, { state: 'ready' })
  await sql`update session set lifetime_ends_at = now() - interval '2 minutes' where id = ${overdue.sessionId}`.execute(
    db,
  )
  await endedSession(rows, await rows.account(), minutesOf(5_000))
  const { accountId } = await rows.account()
  await sql`update account set disabled_at = now(), erase_requested_at = now() where id = ${accountId}`.execute(db)
  await sql`insert into audit_event (at, action, subject_kind, outcome)
    values (now() - interval '5000 days', 'old', 'test', 'accepted')`.execute(db)
}

async function all() {
  const tables = ['session', 'session_event', 'account', 'project', 'audit_event'] as const
  return await Promise.all(tables.map(async (table) => await db.selectFrom(table).selectAll().execute()))
}

test('a disarmed installation stops nobody, erases nobody and deletes nothing until it is armed', async () => {
  await sow()
  await sql`update installation set disarmed_at = now(), disarmed_reason = 'restored'`.execute(db)
  const upkeep = createUpkeepActivities({ db, retention: defaultRetention, warn: () => {} })
  const { stopOverdueSessions, eraseAccounts, pruneEvents, pruneSessions, deleteSessions, deleteAudit } = upkeep
  const chores = [stopOverdueSessions, eraseAccounts, pruneEvents, pruneSessions, deleteSessions, deleteAudit]
  const before = await all()
  for (const chore of chores) expect(await chore()).toEqual({ done: 0, more: false })
  expect(await all()).toEqual(before)

  await db.transaction().execute(armInstallation)
  for (const chore of chores) expect((await chore()).done, chore.name).toBeGreaterThan(0)
})
