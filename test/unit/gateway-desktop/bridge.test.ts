import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bridgeLimits, comesFrom, openBridge } from '../../../gateway/desktop/bridge.ts'
import type { Bridge } from '../../../gateway/desktop/bridge.ts'
import { bridgingTo } from '../../../gateway/desktop/pinned-desk.ts'
import { parseNetwork } from '../../../platform/addresses.ts'
import { locator } from '../../../platform/target.ts'
import type { Place } from '../../../platform/target.ts'
import { eventually } from '../../support/gateway/stand.ts'
import { createEavesdropper, createPlainListener } from '../../support/gateway/tls-session.ts'

const ends = { near: '127.0.0.1', far: '127.0.0.1' }
const settings = { host: null, peers: [] }
const patient = { ...bridgeLimits, arrivalMs: 60_000 }
const never = new AbortController().signal

/** Comes as guacd would, or as somebody else on the way. */
async function come({ host, port }: Bridge, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host, port, localAddress })
  await once(socket, 'connect')
  return socket.on('error', () => undefined)
}
const refused = async (bridge: Bridge) =>
  await come(bridge).then(
    (socket) => (socket.destroy(), false),
    () => true,
  )
const closed = (stream: Duplex) => eventually(() => stream.closed, 'it is closed')
const firstOf = async (stream: Duplex) => String((await once(stream, 'data'))[0])

test('one connection passes in both directions, and there is no second one', async () => {
  const desk = new PassThrough()
  const bridge = await openBridge(desk, ends, settings, patient)
  const guest = await come(bridge)
  guest.write('an echo')
  expect(await firstOf(guest)).toBe('an echo')
  expect(await refused(bridge)).toBe(true)
  bridge.close()
  await closed(guest)
  expect(desk.destroyed).toBe(true)
})

test('two who come at once are one who is let in', async () => {
  const desk = new PassThrough()
  const bridge = await openBridge(desk, ends, settings, patient)
  const guests = [1, 2, 3].map(() => connect({ host: bridge.host, port: bridge.port }).on('error', () => undefined))
  await eventually(() => guests.filter((guest) => guest.closed).length === 2, 'two are turned away')
  const inside = guests.filter((guest) => !guest.closed)
  inside[0]?.write('still there')
  expect(await Promise.all(inside.map(firstOf))).toEqual(['still there'])
  bridge.close()
})

test('only guacd gets in: who comes from elsewhere is closed, and takes nothing away from it', async () => {
  const desk = new PassThrough()
  desk.write('said by the desk')
  const bridge = await openBridge(desk, ends, settings, patient)
  const stranger = await come(bridge, '127.0.0.2')
  let heard = 0
  stranger.on('data', () => (heard += 1))
  await closed(stranger)
  expect([heard, desk.destroyed]).toEqual([0, false])
  expect(await firstOf(await come(bridge))).toBe('said by the desk')
  bridge.close()
})

test('where guacd comes from another address than it is reached at, its network is named', async () => {
  const desk = new PassThrough()
  const named = { host: '127.0.0.3', peers: ['127.0.0.2/31'] }
  const bridge = await openBridge(desk, { ...ends, far: '127.0.0.9' }, named, patient)
  expect(bridge.host).toBe('127.0.0.3')
  await closed(await come(bridge, '127.0.0.1'))
  const guest = await come(bridge, '127.0.0.2')
  guest.write('x')
  expect(await firstOf(guest)).toBe('x')
  bridge.close()
})

test.each<[string, string, boolean]>([
  ['fe80::1%eth0', 'fe80::1%eth0', true],
  ['fe80::1%eth0', 'FE80:0::1%eth0', true],
  ['fe80::1%eth1', 'fe80::1%eth0', false],
  ['fe80::2%eth0', 'fe80::1%eth0', false],
  ['fe80::1', 'fe80::1%eth0', false],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['', '', false],
])('%s is guacd at %s: %s', (from, far, is) => {
  expect(comesFrom(from, far, [])).toBe(is)
})

test('a network of link-local addresses is one on each link', () => {
  const networks = [parseNetwork('fe80::/64')]
  expect(comesFrom('fe80::1%eth1', '192.0.2.1', networks)).toBe(true)
  expect(comesFrom('fe80:1::1%eth1', '192.0.2.1', networks)).toBe(false)
})

test('nobody comes: the desk is let go, and nothing listens', async () => {
  const desk = new PassThrough()
  const bridge = await openBridge(desk, ends, settings, { ...bridgeLimits, arrivalMs: 50 })
  await closed(desk)
  expect(await refused(bridge)).toBe(true)
})

test('where it cannot listen it says so, and lets the desk go', async () => {
  const desk = new PassThrough()
  await expect(openBridge(desk, { ...ends, near: '192.0.2.1' }, settings)).rejects.toThrow('EADDRNOTAVAIL')
  await closed(desk)
})

test.each(['guacd', 'the desk'])('%s ends: what is on its way still comes, and both are over', async (which) => {
  const server = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const [[other], desk] = await Promise.all([once(server, 'connection') as Promise<[Socket]>, reach(server)])
  const guest = await come(await openBridge(desk, ends, settings, patient))
  const [ending, staying] = which === 'guacd' ? [guest, other] : [other, guest]
  ending.end('the last word')
  expect(await firstOf(staying)).toBe('the last word')
  for (const side of [guest, other, desk]) await closed(side)
  server.close()
})

async function reach(server: Server): Promise<Socket> {
  // A server that listens on a port has one.
  const socket = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  await once(socket, 'connect')
  return socket
}

test('whoever reads slowly is waited for', async () => {
  const chunk = Buffer.alloc(64 * 1024)
  const all = 32 * 1024 * 1024
  let given = 0
  const desk = new Duplex({
    read() {
      this.push(given < all ? chunk : null)
      given += given < all ? chunk.length : 0
    },
    write: (_chunk, _encoding, done) => done(),
  })
  const bridge = await openBridge(desk, ends, settings, { arrivalMs: 60_000, partingMs: 30_000 })
  const guest = await come(bridge)
  await eventually(() => desk.isPaused(), 'the desk is held')
  expect(given).toBeLessThan(all)
  let taken = 0
  guest.on('data', (part: Buffer) => (taken += part.length))
  await once(guest, 'end')
  expect(taken).toBe(all)
  bridge.close()
})

let desk: Awaited<ReturnType<typeof createEavesdropper>>
let between: typeof desk
let plain: Awaited<ReturnType<typeof createPlainListener>>
const said: Server = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.end('RFB 003.008\n')
})
beforeAll(async () => {
  await new Promise<void>((resolve) => said.listen(0, '127.0.0.1', resolve))
  const { port } = said.address() as AddressInfo
  ;[desk, between, plain] = [
    await createEavesdropper(port),
    await createEavesdropper(port),
    await createPlainListener(),
  ]
}, 60_000)
afterAll(async () => {
  for (const one of [desk, between, plain]) await one.close()
  said.close()
})

const wayTo = (place: Partial<Place['endpoint']>, networks = ['127.0.0.0/8']) => {
  const endpoint = { host: '127.0.0.1', port: desk.port, fingerprint: desk.fingerprint, ...place }
  return bridgingTo(() => locator([])({ endpoint, networks }), settings)
}

test('a desk that shows its certificate is reached', async () => {
  const way = await wayTo({})(ends, never)
  if (way.kind === 'failed') throw new Error(way.detail)
  expect(await firstOf(await come(way.bridge))).toBe('RFB 003.008\n')
  way.bridge.close()
})

test('what is not the desk is told nothing, and nobody listens for guacd', async () => {
  const failed = (detail: string) => ({ kind: 'failed', end: 'desktop_unreachable', detail })
  const shown = await wayTo({ port: between.port })(ends, never)
  expect(shown).toEqual(failed('it shows another certificate'))
  expect(await wayTo({ port: plain.port })(ends, never)).toEqual(failed('nobody speaks TLS there'))
  expect([between.read(), between.visits()]).toEqual(['', 1])
})

test('where the desk may not be nothing is connected', async () => {
  const before = desk.visits()
  const failed = { kind: 'failed', end: 'desktop_unreachable', detail: 'forbidden' }
  expect(await wayTo({ host: '169.254.169.254' }, ['0.0.0.0/0'])(ends, never)).toEqual(failed)
  expect(await wayTo({}, ['10.0.0.0/8'])(ends, never)).toEqual(failed)
  expect(desk.visits()).toBe(before)
})

test('a desk whose pin went meanwhile is not spoken to plainly', async () => {
  const way = bridgingTo(() => Promise.resolve({ kind: 'address', host: '127.0.0.1', port: plain.port }), settings)
  const before = plain.visits()
  expect(await way(ends, never)).toMatchObject({ kind: 'failed' })
  expect(plain.visits()).toBe(before)
})

test('whoever leaves on the way has left, and says nothing of the desk', async () => {
  expect(await wayTo({})(ends, AbortSignal.abort())).toEqual({ kind: 'failed', end: 'left', detail: 'withdrawn' })
})
