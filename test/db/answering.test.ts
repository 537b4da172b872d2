import { connect as connectTo, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isUnavailable } from '../../api/failures.ts'
import { connect, ping } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { createDatabase } from '../setup/database.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
let wire: Awaited<ReturnType<typeof openWire>>
let db: Db
beforeAll(async () => {
  database = await createDatabase()
  wire = await openWire(new URL(database.url))
  const through = new URL(database.url)
  through.host = `127.0.0.1:${wire.port}`
  // pg itself waits for a second more than the server is told to.
  db = connect({ url: through.href, poolSize: 1, statementTimeoutMs: 200 })
})
afterAll(async () => {
  await db?.destroy()
  await wire?.close()
  await database?.drop()
})

/** A wire to the database of which the connections that are open can be cut without a word; new ones are as good as ever. */
async function openWire(target: URL) {
  const open = new Set<{ readonly client: Socket; readonly server: Socket }>()
  let swallowed = 0
  const wires: Server = createServer((client) => {
    const server = connectTo(Number(target.port), target.hostname)
    const pair = { client, server }
    open.add(pair)
    const end = () => {
      open.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
    client.pipe(server).pipe(client)
  })
  await new Promise<void>((resolve) => wires.listen(0, '127.0.0.1', resolve))
  return {
    // A listening server on a port has an address with it.
    port: (wires.address() as AddressInfo).port,
    cutWhatIsOpen() {
      for (const { client, server } of open) {
        client.unpipe(server)
        server.unpipe(client)
        client.on('data', () => (swallowed += 1)).resume()
      }
    },
    swallowed: () => swallowed,
    async close() {
      for (const { client, server } of open) {
        client.destroy()
        server.destroy()
      }
      await new Promise((resolve) => wires.close(resolve))
    },
  }
}

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
