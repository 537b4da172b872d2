import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createReplayStage } from '../../support/guacamole/stage.ts'
import type { ReplayStage } from '../../support/guacamole/stage.ts'

// What the recorded exchanges cannot show one by one: the double keeps these traps, too.

let stage: ReplayStage
beforeAll(async () => {
  stage = await createReplayStage()
})
afterEach(() => stage.endAll())
afterAll(async () => await stage.close())

const admin = () => stage.login('<service-token>', 'guacadmin').token
async function call(method: string, path: string, token: string | null, body?: unknown): Promise<number> {
  const form = body instanceof URLSearchParams
  const answer = await fetch(new URL(`api/${path}`, stage.node.url), {
    method,
    headers: {
      // A kept connection would fail the first call after a restart.
      connection: 'close',
      ...(token === null ? {} : { 'guacamole-token': token }),
      ...(body === undefined || form ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : form ? body : JSON.stringify(body),
  })
  await answer.arrayBuffer()
  return answer.status
}
const data = (path: string) => `session/data/postgresql/${path}`
const connection = (name: string, parentIdentifier: string) => ({
  parentIdentifier,
  name,
  protocol: 'vnc',
  parameters: {},
  attributes: {},
})
const head = async (token: string) => await call('HEAD', 'session', token)
const badLogin = async () =>
  await call('POST', 'tokens', null, new URLSearchParams({ username: 'u-17', password: 'no' }))

/** Here all who race pass the check before the first of them writes, also on a machine that has much else to do. */
async function racing<T>(race: () => Promise<T>): Promise<T> {
  const { gapMs } = stage.db
  stage.db.gapMs = 500
  return await race().finally(() => (stage.db.gapMs = gapMs))
}

test('racing posts of one name in the root make several, and then none can be posted', async () => {
  const token = admin()
  const post = async () => await call('POST', data('connections'), token, connection('raced', 'ROOT'))
  const answers = await racing(async () => await Promise.all(Array.from({ length: 6 }, post)))
  expect(answers.filter((status) => status === 200).length).toBeGreaterThan(1)
  expect(await post()).toBe(500)
})

test('in a group exactly one of them is made', async () => {
  const token = admin()
  stage.db.groups.set('1', { id: '1', parent: 'ROOT', name: 'portal', attributes: {} })
  const post = async () => await call('POST', data('connections'), token, connection('raced', '1'))
  const answers = await racing(async () => await Promise.all(Array.from({ length: 6 }, post)))
  expect(answers.filter((status) => status === 200)).toHaveLength(1)
  expect(answers.filter((status) => status === 400 || status === 500)).toHaveLength(5)
})

test('of equal grants that race some are answered 500, and all are granted', async () => {
  const token = admin()
  stage.connection('5', 'granted')
  stage.user('u-17')
  const patch = [{ op: 'add', path: '/connectionPermissions/5', value: 'READ' }]
  const grant = async () => await call('PATCH', data('users/u-17/permissions'), token, patch)
  const answers = await racing(async () => await Promise.all(Array.from({ length: 10 }, grant)))
  expect(new Set(answers)).toEqual(new Set([204, 500]))
  expect(stage.user('u-17').grants.objects.get('connectionPermissions')?.get('5')?.has('READ')).toBe(true)
})

test('looking at a token with HEAD does not keep it alive; reading, and an open tunnel, do', async () => {
  let now = Date.now()
  stage.node.state.now = () => now
  const wait = (minutes: number) => void (now += minutes * 60_000)
  stage.connection('5', 'idle')
  const [looked, read] = [stage.login('<a>', 'u-17').token, stage.login('<b>', 'u-17').token]
  stage.login('<c>', 'u-17')
  stage.open('<c>', '5', '<tunnel>')
  wait(40)
  expect([await head(looked), await call('GET', data('self'), read)]).toEqual([204, 200])
  wait(40)
  expect([await head(looked), await head(read), await head(stage.bindings.get('<c>') ?? '')]).toEqual([403, 204, 204])
  stage.node.state.now = () => Date.now()
})

test('the end of a token spares tunnels that still connect; the end of a connection, a user or a right spares all', async () => {
  const token = admin()
  stage.connection('5', 'spared')
  const guest = stage.login('<guest>', 'u-18').token
  const open = stage.open('<guest>', '5', '<open>')
  const connecting = stage.open('<guest>', '5', '<connecting>')
  connecting.phase = 'connecting'
  expect(await call('DELETE', data('connections/5'), token)).toBe(204)
  expect(await call('DELETE', data('users/u-18'), token)).toBe(204)
  expect([open.phase, connecting.phase]).toEqual(['open', 'connecting'])
  expect(await call('DELETE', `tokens/${guest}`, null)).toBe(204)
  expect([open.phase, connecting.phase]).toEqual(['ended', 'connecting'])
  connecting.phase = 'open'
})

test('after a start, the token of the first request that failed is ended by the next failed login of anybody', async () => {
  await stage.node.restart()
  const [victim, bystander] = [admin(), stage.login('<bystander>', 'u-17').token]
  expect(await call('GET', data('connections/99999'), victim)).toBe(404)
  expect(await call('GET', data('connections/99999'), bystander)).toBe(404)
  expect(await head(victim)).toBe(204)
  expect(await badLogin()).toBe(403)
  expect([await head(victim), await head(bystander)]).toEqual([403, 204])
  expect(await badLogin()).toBe(403)
  expect(await head(bystander)).toBe(204)
})

test('where the first that failed had no token, nobody loses one', async () => {
  await stage.node.restart()
  expect(await call('HEAD', 'session', null)).toBe(403)
  const token = admin()
  expect(await call('GET', data('connections/99999'), token)).toBe(404)
  expect(await badLogin()).toBe(403)
  expect(await head(token)).toBe(204)
})

test('a PUT replaces: without parent it moves to the root, without disabled it enables', async () => {
  const token = admin()
  stage.connection('5', 'put', '1', { hostname: 'h', password: 'p' })
  const homeless = { name: 'put', protocol: 'vnc', parameters: { hostname: 'h' }, attributes: {} }
  expect(await call('PUT', data('connections/5'), token, homeless)).toBe(204)
  expect(stage.db.connections.get('5')).toMatchObject({ parent: 'ROOT', parameters: { hostname: 'h' } })
  stage.user('u-17').disabled = true
  expect(await call('PUT', data('users/u-17'), token, { username: 'u-17', attributes: {} })).toBe(204)
  expect(stage.user('u-17').disabled).toBe(false)
})
