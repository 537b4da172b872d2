import { expect, test } from 'vitest'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

const one = { id: 'university', name: 'University', issuer: 'https://id.example.org', clientId: 'carrel' }
const read = (more: object, env: Readonly<Record<string, string>> = {}) =>
  readConfig(['issuers'], {
    CARREL_PUBLIC_URL: 'https://carrel.example.org',
    CARREL_RETURN_URLS: 'https://portal.example.org/signed-in',
    CARREL_ISSUERS: JSON.stringify([{ ...one, ...more }]),
    ...env,
  }).issuers
function faultsOf(more: object, env: Readonly<Record<string, string>> = {}): string[] {
  try {
    read(more, env)
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.faults.map(({ key }) => key)
    throw error
  }
  return []
}

test('nobody exchanges tokens unless it is said whose', () => {
  expect(read({}).issuers[0]?.exchange).toBeNull()
  expect(read({ exchange: { clients: ['portal'] } }).issuers[0]?.exchange).toEqual({
    clients: ['portal'],
    audiences: [],
  })
})

test.each<[string, object]>([
  ['nobody', {}],
  ['an empty list', { clients: [] }],
  ['an empty name', { clients: [''] }],
  ['something unknown', { clients: ['portal'], anyone: true }],
])('%s is not whose', (_what, exchange) => {
  const faults = faultsOf({ exchange })
  expect(faults.length).toBeGreaterThan(0)
  for (const key of faults) expect(key).toMatch(/^CARREL_ISSUERS\[0\]\.exchange/)
})

test('groups that a list elsewhere says are not in a token', () => {
  const groups = { groups: { globus: 'https://groups.example.org' }, allowedGroups: ['one'] }
  expect(faultsOf({ ...groups, exchange: { clients: ['portal'] } })).toEqual(['CARREL_ISSUERS[0].exchange'])
  expect(faultsOf({ ...groups, groups: { claim: 'groups' }, exchange: { clients: ['portal'] } })).toEqual([])
})

test('a device sign-in gives tokens for at most 90 days', () => {
  expect(read({})).toMatchObject({ deviceTokenDays: 30, tokensPerMinute: 600 })
  expect(read({}, { CARREL_DEVICE_TOKEN_DAYS: '90' }).deviceTokenDays).toBe(90)
  for (const days of ['0', '91', 'x'])
    expect(faultsOf({}, { CARREL_DEVICE_TOKEN_DAYS: days })).toEqual(['CARREL_DEVICE_TOKEN_DAYS'])
})
