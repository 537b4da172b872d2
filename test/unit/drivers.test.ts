import { expect, test } from 'vitest'
import { openProvider, ProviderSettingsInvalid } from '../../ports/compute/drivers.ts'
import type { ProviderToOpen } from '../../ports/compute/drivers.ts'

const open = (over: Partial<ProviderToOpen>) =>
  openProvider({
    id: 'p1',
    kind: 'docker',
    settings: {},
    networks: [],
    development: false,
    weakIsolationAllowedFor: [],
    ...over,
  })
const problems = (over: Partial<ProviderToOpen>) => {
  try {
    open(over)
    return []
  } catch (error) {
    if (error instanceof ProviderSettingsInvalid) return error.problems
    throw error
  }
}

test('a docker provider opens without a daemon, and says what it can', async () => {
  const provider = open({ settings: { dockerHost: 'unix:///nowhere.sock' } })
  expect(provider.capabilities).toMatchObject({ isolation: 'enforced', egress: ['none', 'internet'], mounts: true })
  await provider.close()
})

test('every problem of the settings is told at once, with its key', () => {
  expect(problems({ settings: { pidsLimit: 0, pull: 'yes' } }).map((p) => p.split(':')[0])).toEqual([
    'pidsLimit',
    'pull',
  ])
  expect(problems({ settings: 'none' })).toHaveLength(1)
})

test('process runs in development, elsewhere only where it is allowed by name; the fake only in development', () => {
  expect(problems({ kind: 'process' })[0]).toContain('allowed by name')
  expect(problems({ kind: 'process', weakIsolationAllowedFor: ['p2'] })[0]).toContain('allowed by name')
  expect(problems({ kind: 'process', weakIsolationAllowedFor: ['p1'] })[0]).not.toContain('allowed by name')
  expect(problems({ kind: 'process', development: true })[0]).not.toContain('allowed by name')
  expect(problems({ kind: 'fake' })).toHaveLength(1)
  expect(problems({ kind: 'fake', development: true })).toEqual([])
})

test('a kind that is none is told', () => {
  expect(problems({ kind: 'kubernetes' })).toEqual(['kind: must be one of docker, process, fake'])
})

test('a docker provider that would wait for a lost create longer than a removal may take is refused', () => {
  expect(problems({ settings: { settleMs: 60_000 } })).toEqual([])
  expect(problems({ settings: { settleMs: 120_000 } })).toHaveLength(1)
})
