import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openBrowser } from '../../support/guacamole/browser.ts'
import type { Browser } from '../../support/guacamole/browser.ts'
import { eventually } from '../../support/guacamole/eventually.ts'
import { exchange, exchanges } from '../../support/guacamole/exchanges.ts'
import { createReplayStage } from '../../support/guacamole/stage.ts'
import type { ReplayStage } from '../../support/guacamole/stage.ts'
import type { Desk } from '../../support/guacamole/websocket.ts'

// The double's tunnels end as the recorded ones did; its own long delays are hastened.

interface Said {
  readonly instructions?: readonly (readonly string[])[]
  readonly firstInstruction?: readonly string[]
  readonly then?: readonly string[]
  readonly close: { readonly code: number; readonly reason: string } | null
}
const recorded = (name: string) => exchange(name).response.body as Said // all WEBSOCKET entries have this form

const hasten = () => void (stage.node.settings.haste = 200)
let stage: ReplayStage
const browsers: Browser[] = []
beforeAll(async () => {
  stage = await createReplayStage()
})
afterAll(async () => await stage.close())

let token = ''
beforeEach(() => {
  Object.assign(stage.node.settings, { haste: 1, hold: null, connectMs: 0 })
  stage.node.settings.desks.clear()
  stage.connection('1', 's-01', 'ROOT', { hostname: '127.0.0.1', port: '15901' })
  stage.grant('u-17', 'connectionPermissions', '1')
  token = stage.login('<user-token>', 'u-17').token
})
afterEach(() => {
  stage.db.up = true
  for (const browser of browsers.splice(0)) browser.leave()
  stage.endAll()
})

function open(at: { token?: string | null; id?: string | null; dataSource?: string } = {}): Browser {
  const browser = openBrowser(stage.node.url, { token, id: '1', ...at })
  browsers.push(browser)
  return browser
}
const shown = async () => {
  const browser = open()
  await browser.shown()
  return browser
}
const desk = (kind: Desk) => {
  hasten()
  stage.node.settings.desks.set('127.0.0.1:15901', kind)
}
const refused = async (at?: Parameters<typeof open>[0]) => {
  const browser = open(at)
  await browser.ended()
  return browser
}
const uuidOf = (browser: Browser) => browser.instructions[0]?.[1] ?? ''

/** What happens in each recorded case, up to the end that it had. */
const cases: Readonly<Record<string, () => Promise<Browser>>> = {
  'websocket.killed-by-patch-or-delete': async () => {
    const browser = await shown()
    stage.node.state.tunnels.get(uuidOf(browser))?.end(1000, '0')
    return browser
  },
  'websocket.token-deleted-while-open': async () => {
    const browser = await shown()
    stage.node.state.logout(token)
    return browser
  },
  'websocket.no-or-unknown-or-revoked-token': () => refused({ token: 'F'.repeat(64) }),
  'websocket.no-read-or-unknown-id-or-data-source': () => refused({ id: '99999' }),
  'websocket.missing-or-bad-parameter': () => refused({ id: null }),
  'websocket.per-user-limit': async () => {
    Object.assign(stage.db.connections.get('1')?.attributes ?? {}, { 'max-connections-per-user': '1' })
    await shown()
    return await refused()
  },
  'websocket.total-limit': async () => {
    Object.assign(stage.db.connections.get('1')?.attributes ?? {}, { 'max-connections': '1' })
    await shown()
    return await refused()
  },
  'websocket.gateway-daemon-down': () => (desk('daemon_down'), refused()),
  'websocket.unknown-protocol': () => {
    const connection = stage.db.connections.get('1')
    if (connection !== undefined) connection.protocol = 'nope'
    hasten()
    return refused()
  },
  'websocket.vnc-refused-variant-1': () => (desk('refused'), refused()),
  'websocket.vnc-refused-variant-2': () => (desk('refused_with_error'), Promise.resolve(open())),
  'websocket.vnc-wrong-password': () => (desk('wrong_password'), refused()),
  'websocket.vnc-password-missing': () => (desk('password_missing'), Promise.resolve(open())),
  'websocket.desktop-dies': () => (desk('dies'), refused()),
  'websocket.client-silent': () => (hasten(), refused()),
  'websocket.webapp-stops': async () => {
    const browser = await shown()
    await stage.node.restart('stop')
    return browser
  },
  'websocket.webapp-crashes': async () => {
    const browser = await shown()
    await stage.node.restart('crash')
    return browser
  },
  'websocket.database-down-or-profile-deleted': () => {
    stage.db.up = false
    return refused()
  },
}

test('every recorded tunnel is played', () => {
  const names = exchanges.filter((e) => e.request.method === 'WEBSOCKET').map((e) => e.name)
  expect(['websocket.open', ...Object.keys(cases)].toSorted()).toEqual(names.toSorted())
})

test('websocket.open', async () => {
  const browser = await shown()
  const { firstInstruction = [], then = [], close } = recorded('websocket.open')
  expect(browser.subprotocol()).toBe('guacamole')
  expect(browser.instructions[0]).toEqual([firstInstruction[0], expect.stringMatching(/^[0-9a-f-]{36}$/)])
  expect(new Set(browser.instructions.slice(1).map(([opcode]) => opcode))).toEqual(new Set(then))
  expect(browser.closed()).toBe(close)
})

/** Cases in which instructions other than the recorded ones had come before. */
const onlyTheEnd: ReadonlySet<string> = new Set([
  'websocket.killed-by-patch-or-delete',
  'websocket.token-deleted-while-open',
  'websocket.webapp-stops',
  'websocket.webapp-crashes',
])
for (const [name, play] of Object.entries(cases))
  test(`${name} ends as recorded`, async () => {
    const { instructions = [], close } = recorded(name)
    const browser = await play()
    if (close === null) await eventually(() => browser.instructions.length === instructions.length)
    else expect(await browser.ended()).toEqual({ code: close.code, reason: close.reason })
    if (onlyTheEnd.has(name)) return
    const told = browser.instructions.slice(-instructions.length || Infinity)
    expect(told).toEqual(instructions.map((i) => (i[0] === '' ? ['', uuidOf(browser)] : i)))
    expect(browser.closed() === null).toBe(close === null)
  })

test('a tunnel that still connects outlives a kill and the end of its login', async () => {
  const { promise: hold, resolve: letGo } = Promise.withResolvers<void>()
  stage.node.settings.hold = hold
  const browser = open()
  await eventually(() => stage.node.state.tunnels.size === 1)
  const admin = stage.login('<service-token>', 'guacadmin').token
  const [uuid] = [...stage.node.state.tunnels.keys()]
  const kill = async () =>
    await fetch(new URL('api/session/data/postgresql/activeConnections', stage.node.url), {
      method: 'PATCH',
      headers: { 'guacamole-token': admin, 'content-type': 'application/json' },
      body: JSON.stringify([{ op: 'remove', path: `/${uuid}` }]),
    })
  expect((await kill()).status).toBe(200)
  stage.node.state.logout(token)
  letGo()
  await browser.shown()
  expect(stage.node.state.tunnels.size).toBe(1)
  expect((await kill()).status).toBe(200)
  expect(await browser.ended()).toEqual({ code: 1000, reason: '0' })
})

test('whoever joined another by key is closed with it, and the key is dead', async () => {
  const primary = await shown()
  const { key } = stage.node.state.newKey(uuidOf(primary), '1')
  const guest = stage.node.state.login({ username: '', user: null, keys: new Set([key]) })
  const joined = open({ token: guest.token, id: key, dataSource: 'postgresql-shared' })
  await joined.shown()
  primary.leave()
  expect(await joined.ended()).toEqual({ code: 1000, reason: '0' })
  expect(stage.node.state.keys.has(key)).toBe(false)
  const again = open({ token: guest.token, id: key, dataSource: 'postgresql-shared' })
  expect(await again.ended()).toEqual({ code: 1002, reason: '516' })
})
