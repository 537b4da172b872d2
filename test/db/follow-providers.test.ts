import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { recordRemoved, tombstone } from '../../db/instances.ts'
import { reopenProvider, shutProvider } from '../../db/provider-shut.ts'
import type { ProviderRow } from '../../db/providers.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { keepOpen } from '../../worker/providers.ts'
import { rolesOf } from '../../worker/roles.ts'
import type { Running } from '../../worker/run.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

const [slowId, swiftId] = ['slow', 'swift'] as [ProviderId, ProviderId]
let rows: Rows
beforeAll(async () => {
  rows = await createRows()
  for (const id of [slowId, swiftId]) await rows.provider(id)
})
afterAll(async () => await rows.close())

/** What was done to each provider, by its version: `+slow1` opened, `-slow1` is to close. Those named `held` close when let go. */
let told: string[]
let held: Set<string>
let letGo: () => void
let changed: (payload: string) => void
beforeEach(() => {
  told = []
  held = new Set()
})

function follow() {
  const gate = Promise.withResolvers<void>()
  letGo = gate.resolve
  const start = async ({ id, version }: ProviderRow): Promise<Running> => {
    told.push(`+${id}${version}`)
    return {
      async stop() {
        told.push(`-${id}${version}`)
        if (held.has(`${id}${version}`)) await gate.promise
      },
    }
  }
  const listener = {
    on: (_channel: string, call: typeof changed) => {
      changed = call
      return () => {}
    },
    close: async () => {},
  }
  return keepOpen(
    { db: rows.db, listener, log: pino({ level: 'silent' }) },
    rolesOf(['provider/slow', 'provider/swift']),
    start,
  )
}
async function change(id: ProviderId): Promise<number> {
  const { version } = await rows.db
    .updateTable('provider')
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .returning('version')
    .executeTakeFirstOrThrow()
  changed('')
  return version
}
const versionOf = async (id: ProviderId) =>
  (await rows.db.selectFrom('provider').select('version').where('id', '=', id).executeTakeFirstOrThrow()).version
const untilTold = async (what: string) => await expect.poll(() => told, { timeout: 10_000 }).toContain(what)

test('a provider that drains holds up no other, and is opened anew as it is when it has drained', async () => {
  const following = follow()
  await following.first
  expect(following.serving().toSorted()).toEqual(['slow', 'swift'])
  const old = await versionOf(slowId)
  held.add(`slow${old}`)
  await change(slowId)
  await untilTold(`-slow${old}`)
  const swift = await change(swiftId)
  await untilTold(`+swift${swift}`)
  expect(following.serving()).toEqual(['swift'])
  const slow = await change(slowId)
  letGo()
  await untilTold(`+slow${slow}`)
  expect(following.serving().toSorted()).toEqual(['slow', 'swift'])
  await following.stop()
})

test('one that is out of service is served until nothing of it is held, and no removal is unconfirmed', async () => {
  const key = await rows.session(await rows.account(), { providerId: swiftId })
  await tombstone(rows.db, key, swiftId)
  const version = await versionOf(swiftId)
  await rows.db.transaction().execute(async (trx) => await shutProvider(trx, swiftId, 'disabled'))
  const following = follow()
  await following.first
  expect(following.serving().toSorted()).toEqual(['slow', 'swift'])
  await recordRemoved(rows.db, key)
  changed('')
  await untilTold(`-swift${version + 1}`)
  expect(following.serving()).toEqual(['slow'])
  await following.stop()
  await rows.db.transaction().execute(async (trx) => await reopenProvider(trx, swiftId, 'disabled'))
})

test('who stops closes all at once, also beside one that drains, which is not opened again', async () => {
  const following = follow()
  await following.first
  const [slow, swift] = [await versionOf(slowId), await versionOf(swiftId)]
  for (const each of [`slow${slow}`, `swift${swift}`]) held.add(each)
  await change(slowId)
  await untilTold(`-slow${slow}`)
  let stopped = false
  const stopping = following.stop().then(() => (stopped = true))
  await untilTold(`-swift${swift}`)
  expect(stopped).toBe(false)
  letGo()
  await stopping
  expect(told.filter((line) => line.startsWith('+')).toSorted()).toEqual([`+slow${slow}`, `+swift${swift}`])
  expect(told.filter((line) => line.startsWith('-')).toSorted()).toEqual([`-slow${slow}`, `-swift${swift}`])
})
