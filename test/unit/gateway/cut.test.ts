import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { Verdict } from '../../../gateway/doors.ts'
import type { WatchLimits } from '../../../gateway/watch.ts'
import { accessTo, hostOf } from '../../support/gateway/memory-doors.ts'
import {
  ask,
  cookieOf,
  createSession,
  createStand,
  doorsTo,
  eventually,
  ownOrigin,
} from '../../support/gateway/stand.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

/** A gateway with a WebSocket, an endless download and an endless upload open through one pass. */
async function busy(limits: Partial<WatchLimits> = {}) {
  const session = await createSession((incoming, response) => {
    incoming.resume()
    response.writeHead(200).write('begun')
  })
  const sockets = new WebSocketServer({ server: session.server })
  sockets.on('connection', (socket) => socket.on('error', () => {}))
  open.push(session)
  const { doors, pass } = doorsTo(session.port)
  const stand = await createStand(doors, {}, limits)
  open.push(stand)
  const headers = { Host: hostOf().name, Origin: ownOrigin(), Cookie: cookieOf(pass) }
  const ends: string[] = []
  const socket = new WebSocket(`ws://127.0.0.1:${stand.port}/`, { headers })
  await once(socket, 'open')
  socket.on('close', (code, reason) => ends.push(`socket ${code} ${String(reason)}`))
  for (const method of ['GET', 'POST']) {
    const asked = request({ host: '127.0.0.1', port: stand.port, method, setHost: false, agent: false, headers })
    asked.on('error', () => {})
    if (method === 'GET') asked.end()
    else asked.write('a beginning')
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    answer.on('error', () => {})
    answer.on('close', () => ends.push(`${method} ${answer.complete ? 'whole' : 'broken off'}`))
    answer.resume()
  }
  expect(stand.gateway.live.all()).toHaveLength(3)
  return { ...stand, doors, pass, headers, ends, socket }
}

const refusals: readonly (readonly [string, Verdict, number, string])[] = [
  ['the right is withdrawn', { kind: 'no_access' }, 403, 'socket 1008 the right to use this session was withdrawn'],
  ['the session ends', { kind: 'ended', reason: 'user' }, 410, 'socket 1001 the session has ended'],
  [
    'the session is paused',
    { kind: 'not_ready', state: 'paused', progress: null },
    503,
    'socket 1001 the session is paused and can be resumed',
  ],
  ['the pass is used up', { kind: 'no_pass' }, 401, 'socket 1008 this door is closed in this browser'],
]

test.each(refusals)(
  '%s: refused at the next request, and all that is open is cut',
  async (_name, verdict, status, said) => {
    const { doors, pass, gateway, ends, port } = await busy()
    doors.judge(pass, verdict)
    expect((await ask(port, { headers: { Cookie: cookieOf(pass) } })).status).toBe(status)
    await eventually(() => ends.length === 3, 'all three end')
    expect(ends.toSorted()).toEqual(['GET broken off', 'POST broken off', said])
    expect(gateway.live.all()).toEqual([])
    await eventually(() => doors.tunnels.get('n1')?.closed !== null, 'its row is closed')
  },
)

test('a change that is told is looked at at once', async () => {
  const { doors, pass, gateway, ends } = await busy({ everyMs: 3_600_000 })
  doors.judge(pass, { kind: 'no_access' })
  gateway.changed()
  await eventually(() => ends.length === 3, 'all three end')
  expect(doors.tunnels.get('n1')?.closed).toBe('withdrawn')
})

test('one tunnel is cut by wish, and the rest stays', async () => {
  const { doors, gateway, ends } = await busy()
  doors.wishes.add('n1')
  await eventually(() => ends.length === 1, 'the socket ends')
  expect(ends).toEqual(['socket 1008 this connection was closed by its owner or an operator'])
  expect(gateway.live.all()).toHaveLength(2)
})

test('without the database nothing new is let in, and what is open lives on for its time only', async () => {
  const { doors, port, pass, ends, gateway } = await busy({ blindMs: 3_000 })
  doors.isAway = true
  const refused = await ask(port, { headers: { Cookie: cookieOf(pass), Accept: 'text/html' } })
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, ['5']])
  expect(gateway.live.all()).toHaveLength(3)
  await eventually(() => ends.length === 3, 'all three end')
  expect(ends).toContain('socket 1013 the right to use this session cannot be checked')
  doors.isAway = false
  expect((await ask(port, { headers: { Cookie: cookieOf(pass) } }, 1_000).catch(() => null))?.status ?? 200).toBe(200)
})

test('a database that comes back in time costs nobody anything', async () => {
  const { doors, gateway, ends } = await busy({ blindMs: 60_000 })
  doors.isAway = true
  const asked = doors.rechecks
  await eventually(() => doors.rechecks > asked + 2, 'it is asked in vain')
  doors.isAway = false
  const answered = doors.rechecks
  await eventually(() => doors.rechecks > answered + 2, 'it is answered again')
  expect(ends).toEqual([])
  expect(gateway.live.all()).toHaveLength(3)
})

test('a gateway that is to end tells its sockets at once, and breaks the rest off when its time is over', async () => {
  const { gateway, ends, socket, port } = await busy()
  const closing = gateway.close(0, 3_000)
  await once(socket, 'close')
  expect(ends).toEqual(['socket 1012 the gateway restarts'])
  await expect(ask(port, {})).resolves.toMatchObject({ status: 0 })
  await closing
  await eventually(() => ends.length === 3, 'all three end')
  expect(gateway.live.all()).toEqual([])
})

test('one pass opens no more than a thousand connections', async () => {
  const { doors, pass, gateway, port } = await busy()
  const { access } = doors.passes.get(pass) ?? { access: accessTo(1) }
  for (let at = 0; at < 1_000; at += 1) gateway.live.add({ access, kind: 'stream', tunnelId: null, cut: () => {} })
  expect((await ask(port, { headers: { Cookie: cookieOf(pass) } })).status).toBe(429)
})
