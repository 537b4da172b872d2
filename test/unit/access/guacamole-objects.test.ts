import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DoorTarget, DoorUse } from '../../../ports/access/access-gateway.ts'
import { AccessUnreachable } from '../../../ports/access/access-gateway.ts'
import { createGuacamoleGateway } from '../../../ports/access/guacamole/gateway.ts'
import { calm, done, eventually, freshDeployment, freshUse, listed } from '../../conformance/access-harness.ts'
import type { Fault } from '../../support/guacamole/faults.ts'
import { createDoubleSite } from '../../support/guacamole/site.ts'
import type { DoubleSite } from '../../support/guacamole/site.ts'
import { enterTunnel } from '../../support/guacamole/tunnels.ts'

// What the driver makes at the gateway: found again after every kind of lost answer, replaced as a whole, never twice.

// Hundreds of requests each: they may take long on a machine that is busy, and never depend on it.
vi.setConfig({ testTimeout: 60_000 })

let site: DoubleSite
let driver: ReturnType<DoubleSite['driver']>
beforeEach(async () => {
  site = await createDoubleSite(1)
  driver = site.driver()
})
afterEach(async () => await site.close())

const target: DoorTarget = { protocol: 'vnc', host: '10.0.0.5', port: 5901, parameters: { password: 'vnc-secret' } }
const open = async (use: DoorUse, at = target) => await driver.open(use, at, calm())
const opened = async (use: DoorUse, at = target) => {
  const answer = await eventually(
    () => open(use, at),
    ({ kind }) => kind !== 'unavailable',
  )
  if (answer.kind !== 'opened') throw new Error(JSON.stringify(answer))
  return answer.launch
}
const close = async (use: DoorUse) => await done(() => driver.closeDoors(use, calm()))
const node = () => {
  const [first] = site.nodes
  if (first === undefined) throw new Error('no node')
  return first
}
const connectionsOf = (use: DoorUse) =>
  [...site.db.connections.values()].filter((c) => c.name.startsWith(use.sessionId))

const requests: Record<string, Fault['matches']> = {
  'a service login': ({ method, path }) => method === 'POST' && path === '/api/tokens',
  'the tree': ({ path }) => path.endsWith('/tree'),
  'the making of the group': ({ method, path }) => method === 'POST' && path.endsWith('/connectionGroups'),
  'the making of the connection': ({ method, path }) => method === 'POST' && path.endsWith('/connections'),
  'the making of the user': ({ method, path }) => method === 'POST' && path.endsWith('/users'),
  'the right': ({ method, path }) => method === 'PATCH' && path.endsWith('/permissions'),
  'the list of tunnels': ({ method, path }) => method === 'GET' && path.endsWith('/activeConnections'),
  'the kill': ({ method, path }) => method === 'PATCH' && path.endsWith('/activeConnections'),
  'the end of a token': ({ method, path }) => method === 'DELETE' && path.startsWith('/api/tokens/'),
  'the end of a connection': ({ method, path }) => method === 'DELETE' && path.includes('/connections/'),
}
for (const [what, matches] of Object.entries(requests))
  test(`${what} may fail in every way, and there is one of each, and nothing in the end`, async () => {
    for (const effect of ['error_before', 'error_after', 'cut_after'] as const) {
      const use = freshUse(freshDeployment())
      const fault = node().faults.add({ matches, times: 1, effect })
      const launch = await opened(use)
      const browser = site.enter(launch)
      await browser.shown()
      expect(await opened(use)).toEqual(launch)
      expect(connectionsOf(use)).toHaveLength(1)
      expect(site.users(use.deploymentId)).toHaveLength(1)
      await close(use)
      await browser.ended()
      expect(site.leftovers(use.deploymentId)).toEqual([])
      fault.remove()
    }
  })

test('a connection that leads elsewhere now is replaced as a whole, where it is', async () => {
  const use = freshUse(freshDeployment())
  await opened(use, { ...target, parameters: { password: 'old', 'color-depth': '16' } })
  const before = connectionsOf(use)[0]
  await opened(use, { ...target, host: '10.0.0.6', parameters: { password: 'new' } })
  expect(connectionsOf(use)).toEqual([
    { ...before, parameters: { hostname: '10.0.0.6', port: '5901', password: 'new' } },
  ])
  expect(before?.parent).not.toBe('ROOT')
  await close(use)
})

test('what is equal is not written again', async () => {
  const use = freshUse(freshDeployment())
  await opened(use)
  await opened(use)
  expect(site.requests('PUT', /connections/)).toBe(0)
  await close(use)
})

// A:  no group? ── POST ──┐                    two groups of one name, which the root allows
// B:  no group? ── POST ──┴─ all read back ── everybody takes the older one, and empties and removes the other
test('processes that race for the group end up with one, and so do their connections', async () => {
  const deployment = freshDeployment()
  const drivers = Array.from({ length: 6 }, () => site.driver())
  const uses = drivers.map(() => freshUse(deployment))
  site.db.gapMs = 20
  await Promise.all(
    drivers.map(async (each, n) => {
      const use = uses[n]
      if (use !== undefined)
        await eventually(
          () => each.open(use, target, calm()),
          ({ kind }) => kind === 'opened',
        )
    }),
  )
  site.db.gapMs = 1
  // Whoever comes next finds one.
  await site.driver().open(freshUse(deployment), target, calm())
  const groups = [...site.db.groups.values()].filter(({ name }) => name === `carrel-${deployment}`)
  expect(groups).toHaveLength(1)
  for (const use of uses) expect(connectionsOf(use)).toMatchObject([{ parent: groups[0]?.id }])
  expect(site.requests('POST', /\/connectionGroups$/)).toBeGreaterThan(1)
  for (const found of await listed(driver, deployment))
    if (found.kind === 'connection') await done(() => driver.closeDoors({ ...found, deploymentId: deployment }, calm()))
  expect(site.leftovers(deployment)).toEqual([])
})

test('a group that somebody removed is made again', async () => {
  const use = freshUse(freshDeployment())
  await opened(use)
  const group = [...site.db.groups.values()].find(({ name }) => name === `carrel-${use.deploymentId}`)
  site.db.removeGroup(group?.id ?? '')
  const browser = site.enter(await opened(use))
  await browser.shown()
  await close(use)
})

test('a tunnel whose connection somebody removed is listed as an orphan, may be killed, and is closed with its session', async () => {
  const [one, two] = [freshUse(freshDeployment()), freshUse(freshDeployment())]
  for (const use of [one, two]) {
    // Its token has another use, so the end of the session does not end it.
    const elsewhere = freshUse(use.deploymentId, { accountId: use.accountId })
    await opened(elsewhere)
    const browser = site.enter(await opened(use))
    await browser.shown()
    site.db.removeConnection(connectionsOf(use)[0]?.id ?? '')
    const found = (await listed(driver, use.deploymentId)).filter(({ kind }) => kind === 'orphan' || kind === 'tunnel')
    expect(found).toMatchObject([{ kind: 'orphan', accountId: use.accountId }])
    const id = found[0]?.kind === 'orphan' ? found[0].id : ''
    if (use === one) await done(() => driver.kill(id, calm()))
    else await close(use)
    expect(await browser.ended()).toEqual({ code: 1000, reason: '0' })
    await close(elsewhere)
  }
})

test('a teardown withdraws, ends the token, kills, and deletes at last', async () => {
  const use = freshUse(freshDeployment())
  const browser = site.enter(await opened(use))
  await browser.shown()
  const from = node().seen.length
  await close(use)
  const changes = node()
    .seen.slice(from)
    .filter(({ method }) => method !== 'GET' && method !== 'HEAD')
  const steps = changes.map(({ method, path }) => `${method} ${path.replace(/^.*\/(?=[a-zA-Z]+$)|\/[^/]*$/g, '')}`)
  expect(steps).toEqual(['PATCH permissions', 'DELETE /api/tokens', 'DELETE /api/session/data/postgresql/connections'])
})

// browser:  right is there ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ listed, open
// driver:       right withdrawn ── listed: none ── connection deleted ── listed: one ── killed
test('who had passed the check of the right before it was withdrawn is cut, though the connection is gone', async () => {
  const use = freshUse(freshDeployment())
  const launch = await opened(use)
  const { state, faults } = node()
  const login = state.find(launch.token)
  const connectionId = connectionsOf(use)[0]?.id ?? ''
  if (login === undefined) throw new Error('no login')
  const closed: number[] = []
  faults.add({
    matches: ({ method, path }) => method === 'DELETE' && path.includes('/connections/'),
    times: 1,
    meanwhile() {
      const plan = { login, connectionId, key: null, remoteHost: '127.0.0.1' }
      enterTunnel(state, { ...plan, close: (code) => void closed.push(code) }).opened()
    },
  })
  await close(use)
  expect(closed).toEqual([1000])
  expect(site.leftovers(use.deploymentId)).toEqual([])
})

test('what we did not name is not ours', async () => {
  const use = freshUse(freshDeployment())
  await opened(use)
  const group = [...site.db.groups.values()].find(({ name }) => name === `carrel-${use.deploymentId}`)
  const mine = connectionsOf(use)[0]
  if (group === undefined || mine === undefined) throw new Error('nothing was made')
  site.db.connections.set('900', { ...mine, id: '900', name: 'printer' })
  site.db.addUser(`carrel-${freshDeployment()}-${use.accountId}`, 'x')
  expect((await listed(driver, use.deploymentId)).map(({ kind }) => kind)).toEqual(['connection', 'user'])
  await close(use)
  expect(site.db.connections.has('900')).toBe(true)
})

test('a user that somebody disabled stays disabled', async () => {
  const use = freshUse(freshDeployment())
  await opened(use)
  const user = site.db.users.get(site.users(use.deploymentId)[0] ?? '')
  if (user !== undefined) user.disabled = true
  expect(await open(use)).toMatchObject({ kind: 'refused', code: 'rejected' })
  expect(user?.disabled).toBe(true)
  await close(use)
})

test('a user that somebody removed is made again, with a token of its own', async () => {
  const use = freshUse(freshDeployment())
  const before = await opened(use)
  site.db.removeUser(site.users(use.deploymentId)[0] ?? '')
  // The opening that makes it anew goes no further: the next one finds the user, and a token that lives.
  node().faults.add({ matches: requests['the right'] ?? (() => false), times: 3, effect: 'error_before' })
  expect((await open(use)).kind).toBe('unavailable')
  const after = await opened(use)
  expect(after.token).not.toBe(before.token)
  expect(node().state.find(before.token)).toBeUndefined()
  await site.enter(after).shown()
  await close(use)
})

test('another password at the gateway is set right before it can fail a login', async () => {
  const use = freshUse(freshDeployment())
  const { token } = await opened(use)
  node().state.logins.delete(token)
  const user = site.db.users.get(site.users(use.deploymentId)[0] ?? '')
  if (user !== undefined) user.password = 'changed'
  node().state.banning = true
  await site.enter(await opened(use)).shown()
  expect(node().state.failures.size).toBe(0)
  await close(use)
})

test('while its database is away nothing is done and nothing is said to be gone; then all is', async () => {
  const use = freshUse(freshDeployment())
  const browser = site.enter(await opened(use))
  await browser.shown()
  site.db.up = false
  for (const answer of [await open(use), await driver.closeDoors(use, calm()), await driver.listLive(use, calm())])
    expect(answer.kind).toBe('unavailable')
  await expect(listed(driver, use.deploymentId)).rejects.toThrow(AccessUnreachable)
  site.db.up = true
  await close(use)
  await browser.ended()
  expect(site.leftovers(use.deploymentId)).toEqual([])
})

test('a token that was idle for too long is replaced; one that is handed out is fresh', async () => {
  let now = Date.now()
  node().state.now = () => now
  const use = freshUse(freshDeployment())
  const before = await opened(use)
  now += 50 * 60_000
  const same = await opened(use)
  now += 50 * 60_000
  expect(node().state.find(same.token)).toBeDefined()
  expect(same.token).toBe(before.token)
  now += 61 * 60_000
  expect((await opened(use)).token).not.toBe(before.token)
  await close(use)
})

test('tunnels are cut also while nobody answers for what is kept of the accounts', async () => {
  const away = () => Promise.reject(new Error('away'))
  const accounts = { ...site.accounts, usesOf: away, usesBy: away, token: away, password: away, isEnded: away }
  const use = freshUse(freshDeployment())
  const browser = site.enter(await opened(use))
  await browser.shown()
  const blind = createGuacamoleGateway({ settings: site.settings, accounts })
  expect(await blind.cutAll(use.deploymentId, calm())).toEqual({ kind: 'cut', tunnels: 1 })
  await browser.ended()
  await blind.close()
})
