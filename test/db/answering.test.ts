import { afterAll, beforeAll, expect, test } from 'vitest'
import { isUnavailable } from '../../api/failures.ts'
import { connect, ping } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { createDatabase } from '../setup/database.ts'
import { openWire } from '../setup/wire.ts'
import type { Wire } from '../setup/wire.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
let wire: Wire
let db: Db
beforeAll(async () => {
  database = await createDatabase()
  wire = await openWire(new URL(database.url))
  // pg itself waits for a second more than the server is told to.
  db = connect({ url: wire.url, poolSize: 1, statementTimeoutMs: 1_500 })
})
afterAll(async () => {
  await db?.destroy()
  await wire?.close()
  await database?.drop()
})

test('a connection that says nothing any more is given up, and the next statement has a new one', async () => {
  await ping(db)
  wire.cutWhatIsOpen()
  const failure = await ping(db).catch((error: unknown) => error)
  expect(isUnavailable(failure)).toBe(true)
  await ping(db)
})

test('a transaction on such a connection fails with its first statement, and waits for no rollback', async () => {
  const before = wire.swallowed()
  const failure = await db
    .transaction()
    .execute(async (trx) => {
      wire.cutWhatIsOpen()
      await ping(trx)
    })
    .catch((error: unknown) => error)
  expect(isUnavailable(failure)).toBe(true)
  expect(wire.swallowed() - before).toBe(1)
  await ping(db)
})
