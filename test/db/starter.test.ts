import { Client, Connection } from '@temporalio/client'
import type { KyselyPlugin } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
    const starter = createStarter({
      db: rows.db.withPlugin(counting),
      client: new Client({ connection }),
      timings: defaultTimings,
      listener: { on: () => () => {}, close: () => Promise.resolve() },
      warn: () => {},
      ground: onItsOwn,
    }).start()
    const began = performance.now()
    await expect.poll(() => asked, { timeout: 10_000, interval: 5 }).toBeGreaterThanOrEqual(31)
    // Three questions a round, and one about Temporal.
    expect(performance.now() - began).toBeGreaterThan(9 * 50)
    await starter.stop()
  })
  await connection.close()
})
