import { createServer, request as ask } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { DoorAccess } from '../../../gateway/doors.ts'
import { createOutsideDesktop } from '../../../gateway/outside.ts'
import type { OutsideDeps } from '../../../gateway/outside.ts'

const cleanups: (() => void)[] = []
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()))

/** A door's host on loopback; everybody who comes has a good pass. */
async function door(entryOf: OutsideDeps['entryOf']) {
  const warned: unknown[] = []
  const warn = (...words: unknown[]) => void warned.push(words)
  const desktop = createOutsideDesktop({ entryOf, frameAncestors: [], warn })
  const access = {} as DoorAccess // what it is matters to `entryOf` alone
  let arrived = 0
  const server = createServer((request, response) => {
    arrived += 1
    void desktop.page(request, response, access)
  })
  server.on('upgrade', (request, socket, head) => void desktop.tunnel(request, socket, head, access))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(
    () => server.closeAllConnections(),
    () => void server.close(),
  )
  const { port } = server.address() as AddressInfo // a port was listened on
  const get = async (path: string, headers: Record<string, string> = {}) =>
    await new Promise<IncomingMessage>((resolve, reject) =>
      ask({ host: '127.0.0.1', port, path, headers }, (answer) => resolve(answer.resume()))
        .on('error', reject)
        .end(),
    )
  return { get, warned, arrived: () => arrived }
}

const entry = { url: 'https://desks.test/guacamole/#/client/MQBj', token: 'TOKEN/1' }

test.each(['/', '/any/path?with=query', '/.carrel/desktop'])(
  '%s leads into the gateway, with the token in the fragment',
  async (path) => {
    const { get, warned } = await door(async () => await Promise.resolve(entry))
    const { statusCode, headers } = await get(path)
    expect(statusCode).toBe(303)
    expect(headers.location).toBe('https://desks.test/guacamole/#/client/MQBj?token=TOKEN%2F1')
    expect(new URL(headers.location ?? '').search).toBe('')
    expect([headers['cache-control'], headers['referrer-policy']]).toEqual(['no-store', 'no-referrer'])
    expect(warned).toEqual([])
  },
)

test('where nothing stands, it is to be opened again', async () => {
  const { get } = await door(async () => await Promise.resolve(null))
  const { statusCode, headers } = await get('/', { accept: 'text/html', 'sec-fetch-mode': 'navigate' })
  expect([statusCode, headers.location, headers['content-type']]).toEqual([401, undefined, 'text/html; charset=utf-8'])
})

test('who comes while it is asked for waits for the same answer, and who comes after it asks again', async () => {
  const { promise, resolve } = Promise.withResolvers<typeof entry>()
  let asked = 0
  const { get, arrived } = await door(async () => {
    asked += 1
    return await promise
  })
  const answers = Promise.all(['/', '/favicon.ico', '/any'].map((path) => get(path)))
  await expect.poll(arrived, { timeout: 10_000 }).toBe(3)
  resolve(entry)
  expect((await answers).map(({ statusCode }) => statusCode)).toEqual([303, 303, 303])
  expect(asked).toBe(1)
  await get('/')
  expect(asked).toBe(2)
})

test('what cannot be read is unavailable', async () => {
  const { get, warned } = await door(async () => await Promise.reject(new Error('away')))
  expect((await get('/')).statusCode).toBe(503)
  expect(warned).toHaveLength(1)
})

test('a desktop outside has no socket here', async () => {
  const { get } = await door(async () => await Promise.resolve(entry))
  const { statusCode, headers } = await get('/.carrel/desktop/tunnel', { connection: 'upgrade', upgrade: 'websocket' })
  expect([statusCode, headers.location]).toEqual([404, undefined])
})
