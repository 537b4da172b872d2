import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { calm, done, eventually, freshDeployment, freshUse, listed } from '../../conformance/access-harness.ts'
import type { DoorUse } from '../../../ports/access/access-gateway.ts'
import { createDoubleSite } from '../../support/guacamole/site.ts'
import type { DoubleSite } from '../../support/guacamole/site.ts'

// The service account: one login for all who wait, one try where it is refused, and no token lost to somebody else's
// mistake.

// Hundreds of requests each: they may take long on a machine that is busy, and never depend on it.
vi.setConfig({ testTimeout: 60_000 })

let site: DoubleSite
beforeEach(async () => {
  site = await createDoubleSite(2)
})
afterEach(async () => await site.close())

const target = { protocol: 'vnc', host: '10.0.0.5', port: 5901, parameters: { password: 'vnc-secret' } } as const
const logins = (name: string) => site.nodes.reduce((sum, { state }) => sum + (state.passwordLogins.get(name) ?? 0), 0)
const isService = (token: string | null | undefined, n = 0) =>
  site.nodes[n]?.state.find(token)?.username === 'svc-portal'
const serviceToken = (n = 0) =>
  [...(site.nodes[n]?.state.logins.values() ?? [])].find(({ username }) => username === 'svc-portal')?.token ?? ''
const open = async (driver: ReturnType<DoubleSite['driver']>, use: DoorUse) => await driver.open(use, target, calm())
const close = async (driver: ReturnType<DoubleSite['driver']>, use: DoorUse) =>
  await done(() => driver.closeDoors(use, calm()))

test('a wrong password of the service account is tried once, whoever asks, at however many nodes', async () => {
  const driver = site.driver({ password: 'wrong', loginRetryAfterMs: 60_000 })
  const use = freshUse(freshDeployment())
  const asked: { kind: string; retryAt?: number }[] = await Promise.all([
    ...Array.from({ length: 5 }, async () => await open(driver, use)),
    ...Array.from({ length: 5 }, async () => await driver.listLive(use, calm())),
  ])
  asked.push(await driver.closeDoors(use, calm()), await open(driver, freshUse(freshDeployment())))
  expect(logins('svc-portal')).toBe(1)
  for (const answer of asked) {
    expect(answer.kind).toBe('unavailable')
    expect(answer.retryAt).toBeGreaterThan(Date.now() + 50_000)
    expect(JSON.stringify(answer)).not.toContain('wrong')
  }
})

test('after the breaker’s time it is tried once more', async () => {
  const driver = site.driver({ password: 'wrong', loginRetryAfterMs: 1 })
  const use = freshUse(freshDeployment())
  await driver.listLive(use, calm())
  const before = logins('svc-portal')
  const service = site.db.users.get('svc-portal')
  if (service !== undefined) service.password = 'wrong'
  await eventually(
    () => driver.listLive(use, calm()),
    ({ kind }) => kind === 'listed',
  )
  expect(logins('svc-portal')).toBeGreaterThan(before)
})

test('twenty calls at once log in once per node', async () => {
  const driver = site.driver()
  const use = freshUse(freshDeployment())
  await Promise.all(Array.from({ length: 20 }, async () => await driver.listLive(use, calm())))
  expect(logins('svc-portal')).toBe(2)
})

// driver:  list ── 403 ── HEAD 403 ── login ── list 200
test('a service token that died is replaced by one login, and nobody notices', async () => {
  const driver = site.driver()
  const use = freshUse(freshDeployment())
  await open(driver, use)
  const before = logins('svc-portal')
  for (const { state } of site.nodes)
    state.logins.delete([...state.logins.values()].find((l) => l.username === 'svc-portal')?.token ?? '')
  const answers = await Promise.all(Array.from({ length: 10 }, async () => await driver.listLive(use, calm())))
  expect(answers.map(({ kind }) => kind)).toEqual(Array.from({ length: 10 }, () => 'listed'))
  expect(logins('svc-portal')).toBe(before + 2)
  await close(driver, use)
})

test('a token that dies in the middle of an opening does not end it', async () => {
  const driver = site.driver()
  const use = freshUse(freshDeployment())
  for (const { faults, state } of site.nodes)
    faults.add({
      matches: ({ method, path }) => method === 'POST' && (path.endsWith('/connections') || path.endsWith('/users')),
      times: 2,
      meanwhile: () => void state.logins.delete(serviceToken(site.nodes.findIndex((n) => n.state === state))),
    })
  expect(await open(driver, use)).toMatchObject({ kind: 'opened' })
  await close(driver, use)
  expect(site.leftovers(use.deploymentId)).toEqual([])
})

test('a refusal while the token lives is final: no login, no second try', async () => {
  const driver = site.driver()
  const use = freshUse(freshDeployment())
  await open(driver, use)
  site.db.users.get('svc-portal')?.grants.system.clear()
  const [before, posts] = [logins('svc-portal'), site.requests('POST', /\/connections$/)]
  expect(await open(driver, freshUse(use.deploymentId))).toMatchObject({ kind: 'refused', code: 'rejected' })
  expect(logins('svc-portal')).toBe(before)
  expect(site.requests('POST', /\/connections$/)).toBe(posts + 1)
})

test('the first request to a web application that started has no token, so no failed login ends ours', async () => {
  const [node] = site.nodes
  if (node === undefined) throw new Error('no node')
  const driver = site.driver()
  const use = freshUse(freshDeployment())
  const failLogin = async () =>
    await fetch(new URL('api/tokens', node.url), {
      method: 'POST',
      body: new URLSearchParams({ username: 'somebody', password: 'wrong' }),
    })
  for (const restart of [false, true]) {
    if (restart) await node.restart()
    const from = node.seen.length
    await driver.listLive(use, calm())
    if (!restart) expect(node.seen[from]).toEqual({ method: 'HEAD', path: '/api/session', token: null })
    // Ours is refused something while it lives; then somebody fails to log in.
    await driver.kill('node-0/00000000-0000-0000-0000-000000000000', calm())
    const live = serviceToken()
    await fetch(new URL('api/session/data/postgresql/connections/99999', node.url), {
      headers: { 'guacamole-token': live },
    })
    expect((await failLogin()).status).toBe(403)
    expect(isService(live)).toBe(true)
  }
})

test('while logins are banned, what needs none goes on, and an opening says until when', async () => {
  const driver = site.driver()
  const use = freshUse(freshDeployment())
  await open(driver, use)
  await driver.listLive(use, calm())
  for (const { state } of site.nodes) {
    state.banning = true
    state.failures.set('127.0.0.1', 5)
  }
  const again = await open(driver, use)
  expect(again).toMatchObject({ kind: 'opened' })
  const banned = await open(driver, freshUse(use.deploymentId))
  expect(banned).toMatchObject({ kind: 'unavailable' })
  expect(banned.kind === 'unavailable' && banned.retryAt).toBeGreaterThan(Date.now() + 200_000)
  await close(driver, use)
})

test('an account logs in once, also where ten processes open for it', async () => {
  const use = freshUse(freshDeployment())
  const drivers = Array.from({ length: 3 }, () => site.driver())
  const opened = async () => await Promise.all(drivers.map(async (driver) => await open(driver, use)))
  await opened()
  const tokens = (await opened()).map((answer) => (answer.kind === 'opened' ? answer.launch.token : ''))
  expect(new Set(tokens).size).toBe(1)
  const user = `carrel-${use.deploymentId}-${use.accountId}`
  const live = site.nodes.flatMap(({ state }) => [...state.logins.values()].filter(({ username }) => username === user))
  expect(live.map(({ token }) => token)).toEqual([tokens[0]])
  await close(drivers[0] ?? site.driver(), use)
  expect(await listed(drivers[1] ?? site.driver(), use.deploymentId)).toMatchObject([{ kind: 'user' }])
})

// A:  user made ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ token? B's ── the same
// B:                user found ── login ── kept
test('whoever made the user takes the token that another process got for it meanwhile', async () => {
  const use = freshUse(freshDeployment())
  const [a, b] = [site.driver(), site.driver()]
  const { promise: later, resolve: goOn } = Promise.withResolvers<void>()
  const made = Promise.withResolvers<void>()
  for (const { faults } of site.nodes)
    faults.add({
      matches: ({ method, path }) => method === 'POST' && path.endsWith('/users'),
      times: 1,
      meanwhile: async () => {
        made.resolve()
        await later
      },
    })
  const first = open(a, use)
  await made.promise
  for (const { faults } of site.nodes) faults.clear()
  const second = await open(b, use)
  goOn()
  expect(second.kind).toBe('opened')
  expect(await first).toEqual(second)
  await close(a, use)
})
