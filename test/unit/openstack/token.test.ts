import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cloudOf } from '../../../ports/compute/openstack/clouds.ts'
import { createIdentity } from '../../../ports/compute/openstack/token.ts'
import type { Answer, Wire } from '../../../ports/compute/openstack/wire.ts'

const begin = Date.parse('2026-01-01T00:00:00Z')
const minutes = (n: number) => vi.setSystemTime(begin + n * 60_000)
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: begin })
})
afterEach(() => {
  vi.useRealTimers()
})

const cloud = cloudOf(
  'clouds: { c: { auth: { auth_url: "http://keystone.example", username: a, password: b, project_name: c } } }',
  'c',
)
const { signal } = new AbortController()

/** A Keystone whose clock is a day ahead, and whose tokens last an hour. */
function keystone() {
  const state = { signIns: 0, status: 201 }
  const day = 24 * 3_600_000
  const wire = {
    ask: async (): Promise<Answer> => {
      state.signIns += 1
      const times = [day, day + 3_600_000].map((ms) => new Date(Date.now() + ms).toISOString())
      const token = { issued_at: times[0], expires_at: times[1], project: { id: 'p' }, user: { id: 'u' } }
      return { status: state.status, header: () => `t${state.signIns}`, body: { token } }
    },
  } as Partial<Wire> as Wire
  return { state, identity: createIdentity(wire, () => cloud, 1_000) }
}

test('a token is good for as long as Keystone says, whatever its clock, and renewed two minutes before', async () => {
  const { state, identity } = keystone()
  const secretNow = async () => (await identity.token(signal)).secret
  expect(await secretNow()).toBe('t1')
  minutes(57.9)
  expect(await secretNow()).toBe('t1')
  minutes(58.1)
  expect(await secretNow()).toBe('t2')
  expect(state.signIns).toBe(2)
})

test('a Keystone that is away when a token should be renewed takes nothing of the time that it has left', async () => {
  const { state, identity } = keystone()
  const token = await identity.token(signal)
  state.status = 503
  minutes(59)
  expect(await identity.token(signal)).toBe(token)
  minutes(60)
  await expect(identity.token(signal)).rejects.toThrow(/503/)
  state.status = 201
  expect((await identity.token(signal)).secret).toBe('t4')
})

test('what a service refused is not taken again, though it has time left', async () => {
  const { state, identity } = keystone()
  const token = await identity.token(signal)
  state.status = 503
  minutes(59)
  identity.drop(token)
  await expect(identity.token(signal)).rejects.toThrow(/503/)
})
