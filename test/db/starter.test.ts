import { Client, Connection } from '@temporalio/client'
import type { KyselyPlugin } from 'kysely'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Db } from '../../db/connect.ts'
import { askReconciliation } from '../../db/reconciliation-asks.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { defaultTimings } from '../../domain/timings.ts'
import type { Ground } from '../../starter/ground.ts'
import { createStarter } from '../../starter/starter.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

/** Nobody doubts what the installation stands on. */
const onItsOwn: Ground = {
  look: async () => {},
  isArmed: async () => await Promise.resolve(true),
  isKnown: async () => await Promise.resolve(true),
  whyAside: () => null,
}

/** One that nobody tells anything: it finds by asking. */
const startStarter = (db: Db, connection: Connection) =>
  createStarter({
    db,
    client: new Client({ connection }),
    timings: defaultTimings,
    listener: { on: () => () => {}, close: () => Promise.resolve() },
    warn: () => {},
    ground: onItsOwn,
  }).start()

let rows: Rows
beforeAll(async () => {
  rows = await createRows()
})
afterAll(async () => await rows.close())

test('a starter that may not have what is due, because others hold it, asks again in its own time', async () => {
  // somebody: lock the session's row ································ commit
  // starter:                           due, skipped ── due, skipped ── …
  let asked = 0
  const counting: KyselyPlugin = {
    transformQuery({ node }) {
      asked += 1
      return node
    },
    transformResult: ({ result }) => Promise.resolve(result),
  }
  const key = await rows.session(await rows.account())
  const connection = Connection.lazy({ address: '127.0.0.1:1' })
  await rows.db.transaction().execute(async (trx) => {
    await trx.selectFrom('session').select('id').where('id', '=', key.sessionId).forNoKeyUpdate().execute()
    const starter = startStarter(rows.db.withPlugin(counting), connection)
    const began = performance.now()
    await expect.poll(() => asked, { timeout: 30_000, interval: 5 }).toBeGreaterThanOrEqual(16)
    // Three questions a round, and one about Temporal.
    expect(performance.now() - began).toBeGreaterThan(4 * 50)
    await starter.stop()
  })
  await connection.close()
})

test('a reconciliation is begun although its notification was lost and the clock was put back', async () => {
  const { accountId: requestedBy } = await rows.account()
  const ask = async () => {
    const id = newId('reconciliation')
    const providerId = 'fake' as ProviderId
    await rows.db
      .transaction()
      .execute((trx) => askReconciliation(trx, { id, providerId, dryRun: true, removeNames: [], requestedBy }))
    return id
  }
  const taken = async (id: Awaited<ReturnType<typeof ask>>) => {
    const query = rows.db.selectFrom('reconciliation').select('tries').where('id', '=', id)
    return (await query.executeTakeFirstOrThrow()).tries > 0
  }
  const connection = Connection.lazy({ address: '127.0.0.1:1' })
  const first = await ask()
  const starter = startStarter(rows.db, connection)
  try {
    await expect.poll(() => taken(first), { timeout: 30_000 }).toBe(true)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 })
    const second = await ask()
    await expect.poll(() => taken(second), { timeout: 30_000 }).toBe(true)
  } finally {
    vi.useRealTimers()
    await starter.stop()
    await connection.close()
  }
})
