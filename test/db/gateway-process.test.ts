import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { settleDoors } from '../../db/door-upkeep.ts'
import { requestStop } from '../../db/intents.ts'
import { requestPause } from '../../db/pause-wishes.ts'
import { toPaused, toPausing } from '../../db/pauses.ts'
import { listLiveTunnels, requestCut } from '../../db/tunnels.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createSecrets, instanceSecret } from '../../platform/secrets.ts'
import { startChild } from '../../stack/child.ts'
import type { Child } from '../../stack/child.ts'
import { freePort } from '../../stack/ports.ts'
import { createDoorScene, domain, hostOf } from '../setup/doors.ts'
import type { DoorScene, Visitor } from '../setup/doors.ts'
import { allPausable } from '../setup/pausable.ts'
import { ask, createSession } from '../support/gateway/stand.ts'

/** A gateway as a process of its own on a database of its own, and a session that answers on this machine. */
let scene: DoorScene
let child: Child
let session: Awaited<ReturnType<typeof createSession>>
let owner: Visitor
let port = 0
let control = ''
const lines: string[] = []
const keyBytes = randomBytes(32)

beforeAll(async () => {
  scene = await createDoorScene()
  owner = await scene.visitor()
  await scene.rows.db
    .updateTable('provider')
    .set({ networks: ['127.0.0.1/32'] })
    .execute()
  session = await createSession((incoming, response) => {
    if (incoming.url === '/endless') response.writeHead(200).write('begun')
    else response.end(`cookie ${incoming.headers.cookie ?? 'none'}, host ${incoming.headers.host}`)
  })
  new WebSocketServer({ server: session.server }).on('connection', (socket) => socket.on('error', () => {}))
  port = await freePort()
  const controlPort = await freePort()
  control = `http://127.0.0.1:${controlPort}`
  child = await startChild({
    name: 'gateway',
    command: process.execPath,
    args: ['gateway/main.ts'],
    cwd: join(import.meta.dirname, '../..'),
    env: {
      PATH: process.env['PATH'],
      CARREL_ENV: 'development',
      CARREL_DATABASE_URL: scene.rows.url,
      CARREL_KEYS: `k1:${keyBytes.toString('base64')}`,
      CARREL_GATEWAY_PORT: String(port),
      CARREL_SESSIONS_DOMAIN: domain,
      CARREL_METRICS_PORT: String(controlPort),
      CARREL_DRAIN_MS: '0',
    },
    onLine: (line) => lines.push(line),
  })
  await vi.waitFor(async () => expect((await fetch(`${control}/readyz`)).status).toBe(200), {
    timeout: 60_000,
    interval: 50,
  })
})
afterAll(async () => {
  await child.kill()
  await session.close()
  await scene.close()
})

async function ready(): Promise<SessionKey> {
  const key = await scene.ready(owner)
  const sealed = createSecrets(createKeyring([{ id: 'k1', secret: keyBytes }])).encrypt(instanceSecret(key), 's3cr3t')
  const endpoints = JSON.stringify([{ port: 8_888, host: '127.0.0.1', hostPort: session.port }])
  await scene.rows.db
    .updateTable('instance')
    .set({ secret: sealed, endpoints })
    .where('session_id', '=', key.sessionId)
    .execute()
  return key
}

const originOf = (key: SessionKey) => `http://${hostOf(key).name}:${port}`

/** Posts a ticket as the door's page does; the cookie that comes of it. */
async function redeem(key: SessionKey, who: Visitor, path = '/'): Promise<string> {
  const ticket = await scene.ticket(key, who, { path })
  const answer = await ask(port, {
    method: 'POST',
    path: '/.carrel/redeem',
    host: hostOf(key).name,
    headers: { Origin: originOf(key), 'Content-Type': 'application/json' },
    body: JSON.stringify({ ticket }),
  })
  expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { path }])
  return answer.headers['set-cookie']?.[0]?.split(';', 1).join('') ?? ''
}

/** A WebSocket and a download that never ends; resolves with how long it took until both had ended after `deed`, ms. */
async function untilCut(key: SessionKey, cookie: string, deed: () => Promise<unknown>): Promise<number> {
  return (await cutBy(key, cookie, deed)).tookMs
}

/** The same, and what the WebSocket was told. */
async function cutBy(key: SessionKey, cookie: string, deed: () => Promise<unknown>) {
  const headers = { Host: hostOf(key).name, Origin: originOf(key), Cookie: cookie }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers })
  socket.on('error', () => {})
  await once(socket, 'open')
  const asked = request({ host: '127.0.0.1', port, path: '/endless', setHost: false, agent: false, headers })
  asked.on('error', () => {})
  asked.end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.on('error', () => {})
  answer.resume()
  const ended = Promise.all([
    once(socket, 'close') as Promise<[number, Buffer]>,
    new Promise((resolve) => answer.once('close', resolve)),
  ])
  const begun = performance.now()
  await deed()
  const [[code, reason]] = await ended
  return { tookMs: performance.now() - begun, told: [code, String(reason)] }
}

test('a ticket becomes a pass, and the pass a way to the session that knows nothing of either', async () => {
  const key = await ready()
  const cookie = await redeem(key, owner, '/lab')
  expect(cookie).toMatch(/^carrel_door=cp_/)
  const host = hostOf(key).name
  const answer = await ask(port, { path: '/lab', host, headers: { Cookie: `${cookie}; a=1` } })
  expect([answer.status, answer.body]).toEqual([200, expect.stringContaining(`cookie a=1, host ${host}:`)])
  expect((await ask(port, { host: hostOf(await ready()).name, headers: { Cookie: cookie } })).status).toBe(401)
  expect((await scene.events(key)).map(({ type }) => type)).toContain('connection.opened')
})

test('stopped, withdrawn, disabled, revoked: all that is open is cut in 5 s, and the next request is refused', async () => {
  const { db } = scene.rows
  const guest = await scene.visitor()
  const key = await ready()
  await scene.invite(key, guest.accountId)
  const times: Record<string, number> = {}
  const refused = async (cookie: string) =>
    (await ask(port, { host: hostOf(key).name, headers: { Cookie: cookie } })).status

  const guestCookie = await redeem(key, guest)
  times['withdrawn'] = await untilCut(key, guestCookie, async () => {
    await db.deleteFrom('collaborator').where('account_id', '=', guest.accountId).execute()
  })
  expect(await refused(guestCookie)).toBe(403)

  await scene.invite(key, guest.accountId)
  const again = await redeem(key, guest)
  times['disabled'] = await untilCut(key, again, async () => {
    await db
      .updateTable('account')
      .set({ disabled_at: sql<Date>`now()` })
      .where('id', '=', guest.accountId)
      .execute()
  })
  expect(await refused(again)).toBe(403)

  const portal = await scene.token(owner.accountId)
  const viaPortal = await redeem(key, { ...owner, tokenId: portal })
  times['revoked'] = await untilCut(key, viaPortal, async () => {
    await db
      .updateTable('token')
      .set({ revoked_at: sql<Date>`now()` })
      .where('id', '=', portal)
      .execute()
  })
  expect(await refused(viaPortal)).toBe(403)

  const cookie = await redeem(key, owner)
  times['stopped'] = await untilCut(key, cookie, async () => {
    await db.transaction().execute(async (trx) => await requestStop(trx, key.sessionId, 'user'))
  })
  expect(await refused(cookie)).toBe(410)
  console.log(
    `cut after (ms): ${JSON.stringify(times, (_, value: unknown) => (typeof value === 'number' ? Math.round(value) : value))}`,
  )
  for (const [why, ms] of Object.entries(times)) expect(ms, why).toBeLessThan(5_000)
  const open = async () => (await listLiveTunnels(db, key.sessionId, { after: null, limit: 10 })).items
  await expect.poll(open).toEqual([])
})

test('a session that is paused says so to all that is open, and that it can be resumed to whoever asks next', async () => {
  const { db } = scene.rows
  await allPausable(db)
  const key = await ready()
  const cookie = await redeem(key, owner)
  await db.transaction().execute(async (trx) => await requestPause(trx, key.sessionId, 'pause'))
  const wish = { ...key, number: 1 }
  const { tookMs, told } = await cutBy(key, cookie, async () => await toPausing(db, wish))
  expect(told).toEqual([1_001, 'the session is paused and can be resumed'])
  expect(tookMs).toBeLessThan(5_000)
  await expect.poll(closedFor(key), patience).toEqual(new Set(['paused']))

  const look = async () => {
    const headers = { Cookie: cookie, Accept: 'text/html' }
    const { status, body } = await ask(port, { host: hostOf(key).name, headers })
    return [status, /<h1[^>]*>([^<]*)/.exec(body)?.[1], body.includes('can be resumed from your portal')]
  }
  await expect.poll(look, patience).toEqual([503, 'The session is being paused', true])
  await toPaused(db, wish)
  await expect.poll(look, patience).toEqual([503, 'The session is paused', true])
  const problem = await ask(port, { host: hostOf(key).name, headers: { Cookie: cookie } })
  expect([problem.status, JSON.parse(problem.body)]).toMatchObject([503, { code: 'paused' }])

  await db
    .updateTable('door_pass')
    .set({ used_at: sql<Date>`now() - interval '61 seconds'` })
    .where('session_id', '=', key.sessionId)
    .execute()
  await settleDoors(db)
  const whyClosed = async () => {
    const closed = (await scene.events(key)).filter(({ type }) => type === 'connection.closed')
    return closed.map(({ data }) => data['reason'])
  }
  // The gateway settles as well: whoever comes first.
  await expect.poll(whyClosed, patience).toEqual(['paused'])
})

const patience = { timeout: 20_000, interval: 50 }
const closedFor = (key: SessionKey) => async () => {
  const rows = scene.rows.db.selectFrom('tunnel').select('close_reason').where('session_id', '=', key.sessionId)
  return new Set((await rows.execute()).map((row) => row.close_reason))
}

test('an operator cuts one tunnel by name', async () => {
  const { db } = scene.rows
  const key = await ready()
  const cookie = await redeem(key, owner)
  const headers = { Host: hostOf(key).name, Origin: originOf(key), Cookie: cookie }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers })
  await once(socket, 'open')
  const { items } = await listLiveTunnels(db, key.sessionId, { after: null, limit: 10 })
  expect(items).toMatchObject([{ kind: 'websocket', door: 'web', remoteAddress: '127.0.0.1' }])
  const closed = once(socket, 'close')
  await db.transaction().execute(async (trx) => await requestCut(trx, key.sessionId, items[0]?.id ?? ''))
  expect((await closed)[0]).toBe(1008)
})

test('its watcher’s page is not reached through doors, and nothing secret was logged', async () => {
  expect((await fetch(`${control}/healthz`)).status).toBe(200)
  expect(await (await fetch(`${control}/metrics`)).text()).toMatch(
    /carrel_gateway_cuts_total\{reason="withdrawn",[^}]*\} [1-9]/,
  )
  for (const path of ['/healthz', '/readyz', '/metrics'])
    expect((await ask(port, { path, host: hostOf(await ready()).name })).status).toBe(401)
  expect(lines.join('\n')).not.toMatch(/c[tp]_[\w-]{43}|s3cr3t/)
})

test('asked to end, it says so first, tells its sockets, and ends well', async () => {
  const key = await ready()
  const cookie = await redeem(key, owner)
  const headers = { Host: hostOf(key).name, Origin: originOf(key), Cookie: cookie }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers })
  await once(socket, 'open')
  const closed = once(socket, 'close')
  process.kill(child.pid, 'SIGTERM')
  expect((await closed)[0]).toBe(1012)
  expect(await child.ended).toMatchObject({ code: 0 })
})
