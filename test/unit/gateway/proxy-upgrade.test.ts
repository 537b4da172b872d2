import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { ServerOptions } from 'ws'
import type { GatewaySettings } from '../../../gateway/gateway.ts'
import type { WatchLimits } from '../../../gateway/watch.ts'
import { hostOf } from '../../support/gateway/memory-doors.ts'
import {
  cookieOf,
  createRawSession,
  createSession,
  createStand,
  doorsTo,
  eventually,
  heard,
  ownOrigin,
  publicPort,
  requestText,
  speak,
} from '../../support/gateway/stand.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

async function socketServer(
  talk: (socket: WebSocket, origin: string | undefined) => void,
  options: ServerOptions = {},
) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
  await once(server, 'listening')
  server.on('connection', (socket, request) => {
    socket.on('error', () => {})
    talk(socket, request.headers.origin)
  })
  open.push({
    close: async () => {
      for (const client of server.clients) client.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  return { port: (server.address() as AddressInfo).port, server }
}

async function standTo(port: number, settings: Partial<GatewaySettings> = {}, limits: Partial<WatchLimits> = {}) {
  const { doors, pass } = doorsTo(port)
  const stand = await createStand(doors, settings, limits)
  open.push(stand)
  const dial = (protocols: string[] = [], path = '/socket?x=1') =>
    new WebSocket(`ws://127.0.0.1:${stand.port}${path}`, protocols, {
      headers: { Host: `${hostOf().name}:${publicPort}`, Origin: ownOrigin(), Cookie: cookieOf(pass) },
    })
  return { ...stand, pass, dial }
}

const closedWith = async (socket: WebSocket) => {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  return [code, reason.toString()]
}

test('text, binary, subprotocol, ping, pong and close codes pass as they are', async () => {
  const { port, server } = await socketServer(
    (socket, origin) => {
      socket.on('message', (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }))
      socket.once('message', () => socket.ping('are you there'))
      socket.on('close', (code, reason) => server.emit('closed', code, reason.toString()))
      socket.send(`hello ${origin}`)
    },
    { handleProtocols: (protocols) => [...protocols][1] ?? false },
  )
  const { dial, gateway, doors } = await standTo(port)
  const socket = dial(['v1.a', 'v2.b'])
  // What the session says at once, with its 101, is not lost.
  expect(String((await once(socket, 'message'))[0])).toBe(`hello ${ownOrigin()}`)
  expect(socket.protocol).toBe('v2.b')
  const pinged = once(socket, 'ping')
  const echoed = once(socket, 'message')
  socket.send('grüße')
  expect(String((await echoed)[0])).toBe('grüße')
  expect(String((await pinged)[0])).toBe('are you there')
  const ponged = once(socket, 'pong')
  socket.ping('and you')
  expect(String((await ponged)[0])).toBe('and you')

  const large = randomBytes(1_048_576)
  const back = once(socket, 'message')
  socket.send(large)
  expect(((await back)[0] as Buffer).equals(large)).toBe(true)

  expect([...doors.tunnels.values()]).toMatchObject([{ kind: 'websocket', closed: null }])
  const heardClose = once(server, 'closed')
  socket.close(4_321, 'enough')
  expect(await heardClose).toEqual([4_321, 'enough'])
  await eventually(() => gateway.live.all().length === 0, 'it is over')
  await eventually(() => doors.tunnels.get('n1')?.closed === 'left', 'its row is closed')
  expect(doors.tunnels.get('n1')?.bytesIn).toBeGreaterThan(1_048_576)
})

test('the session’s own close code reaches the browser', async () => {
  const { port } = await socketServer((socket) => socket.close(4_000, 'kernel died'))
  const { dial } = await standTo(port)
  expect(await closedWith(dial())).toEqual([4_000, 'kernel died'])
})

test('frames with data are input; pings are not', async () => {
  const { port } = await socketServer((socket) => void socket.on('message', () => socket.send('x')))
  const { dial, doors } = await standTo(port, {}, { touchMs: 60 })
  const socket = dial()
  await once(socket, 'open')
  const ponged = once(socket, 'pong')
  socket.ping()
  await ponged
  const before = doors.touched.length
  await eventually(() => doors.touched.length > before, 'it is touched')
  expect(doors.touched.at(-1)).toMatchObject({ id: 'n1', lastInputAt: null })
  socket.send('typed')
  await once(socket, 'message')
  await eventually(() => doors.touched.at(-1)?.lastInputAt !== null, 'the input is noted')
  socket.terminate()
})

test('a browser that does not read holds the session back, and nothing is collected', async () => {
  let sent = 0
  const { port } = await socketServer((socket) => {
    const chunk = Buffer.alloc(262_144)
    const more = (error?: Error | null) => {
      if (error || socket.readyState !== WebSocket.OPEN || sent > 2 ** 30) return
      sent += chunk.length
      socket.send(chunk, more)
    }
    more()
  })
  const { dial } = await standTo(port)
  const socket = dial()
  await once(socket, 'open')
  socket.pause()
  let last = -1
  await eventually(
    () => {
      const stands = sent === last && sent > 0
      last = sent
      return stands
    },
    'it stands still',
    20_000,
  )
  expect(sent).toBeLessThan(64 * 1_048_576)
  const at = sent
  socket.resume()
  await eventually(() => sent > at + 16 * 1_048_576, 'it goes on')
  socket.terminate()
})

test('a session that wants no socket says so itself', async () => {
  const session = await createSession((_request, response) =>
    response.writeHead(403, { 'X-Why': 'no' }).end('not here'),
  )
  open.push(session)
  session.server.on('upgrade', (_request, socket) =>
    socket.end('HTTP/1.1 404 Not Found\r\nX-Why: no\r\nContent-Length: 8\r\n\r\nnot here'),
  )
  const { port, pass } = await standTo(session.port)
  const text = requestText({
    headers: {
      ...{ Cookie: cookieOf(pass), Origin: ownOrigin(), Connection: 'Upgrade', Upgrade: 'websocket' },
      ...{ 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' },
    },
  })
  expect(heard(await speak(port, text))).toMatchObject({ status: 404, body: 'not here', headers: { 'x-why': ['no'] } })
})

test.each([
  ['never answers', null, 504],
  ['answers no HTTP', 'hello\r\n\r\n', 502],
  ['upgrades to something else', 'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n', 502],
  [
    'ends a line within a header',
    'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nA: a\rB: b\r\n\r\n',
    502,
  ],
])('a session that %s gets no socket', async (_name, says, status) => {
  const hostile = await createRawSession((socket) => {
    socket.on('data', () => says !== null && socket.write(says))
  })
  open.push(hostile)
  const { dial, gateway } = await standTo(hostile.port, { firstByteMs: 300 })
  const socket = dial()
  const [error] = (await once(socket, 'error')) as [Error]
  expect(error.message).toBe(`Unexpected server response: ${status}`)
  expect(gateway.live.all()).toEqual([])
})

test('another protocol than WebSocket is not spoken: the request is answered as if it had not asked', async () => {
  const session = await createSession((_request, response) => response.end('plain'))
  open.push(session)
  const { port, pass } = await standTo(session.port)
  const text = requestText({
    headers: {
      Cookie: cookieOf(pass),
      Connection: 'Upgrade, HTTP2-Settings, close',
      Upgrade: 'h2c',
      'HTTP2-Settings': 'AAMAAABk',
    },
  })
  expect(heard(await speak(port, text))).toMatchObject({ status: 200, body: 'plain' })
})
