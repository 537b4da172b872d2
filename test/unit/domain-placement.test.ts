import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isolations } from '../../domain/capabilities.ts'
import type { Capabilities } from '../../domain/capabilities.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { choosePlacement, lacksOf, withAtHand } from '../../domain/placement.ts'
import type { Candidate, Demand } from '../../domain/placement.ts'
import { nothing, unlimited } from '../../domain/resources.ts'

const able: Capabilities = {
  pause: true,
  gpu: true,
  diskLimit: true,
  isolation: 'enforced',
  egress: ['none', 'internet', 'site'],
  mounts: true,
  logs: true,
}
const candidate = (id: string, changed: Partial<Candidate> = {}): Candidate => ({
  id: id as ProviderId,
  kind: 'docker',
  classes: [],
  open: true,
  healthy: true,
  load: 0,
  capabilities: able,
  quota: null,
  ...changed,
})
const small = { ...nothing, sessions: 1, cpuMilli: 1_000 }
const demand = (provider: Demand['provider'], changed: Partial<Demand> = {}): Demand => ({
  provider,
  requires: {},
  resources: small,
  egress: 'none',
  mounts: false,
  readiness: { kind: 'none' },
  reports: false,
  ...changed,
})
const docker = demand({ kind: 'docker' })
const placedAt = (asked: Demand, all: readonly Candidate[]): string | null => {
  const placement = choosePlacement(asked, all)
  return placement.kind === 'placed' ? placement.providerId : null
}

test('a provider that is named is taken, healthy or not, but only in service', () => {
  const all = [candidate('one'), candidate('two', { healthy: false }), candidate('three', { open: false })]
  expect(placedAt(demand({ id: 'two' }), all)).toBe('two')
  expect(choosePlacement(demand({ id: 'three' }), all)).toEqual({ kind: 'none' })
  expect(choosePlacement(demand({ id: 'four' }), all)).toEqual({ kind: 'none' })
})

test('of a kind the healthy come first, then the least loaded', () => {
  const all = [
    candidate('sick', { healthy: false }),
    candidate('busy', { load: 9 }),
    candidate('calm', { load: 1 }),
    candidate('other', { kind: 'slurm' }),
    candidate('closed', { open: false }),
  ]
  expect(placedAt(docker, all)).toBe('calm')
  expect(placedAt(docker, [candidate('sick', { healthy: false })])).toBe('sick')
  expect(choosePlacement(demand({ kind: 'cloud' }), all)).toEqual({ kind: 'none' })
})

test('a class is whoever was given it, of whatever kind', () => {
  const all = [
    candidate('one', { classes: ['gpu'], load: 2 }),
    candidate('two', { kind: 'slurm', classes: ['big', 'gpu'] }),
  ]
  expect(placedAt(demand({ class: 'gpu' }), all)).toBe('two')
  expect(choosePlacement(demand({ class: 'docker' }), all)).toEqual({ kind: 'none' })
})

test('a quota with room comes before health, and one without room may still be chosen', () => {
  const full = { limits: { ...unlimited, cpuMilli: 1_500 }, held: { ...nothing, cpuMilli: 1_000 } }
  const roomy = { limits: { ...unlimited, cpuMilli: 2_000 }, held: { ...nothing, cpuMilli: 1_000 } }
  const all = [candidate('full', { quota: full }), candidate('roomy', { quota: roomy, healthy: false, load: 7 })]
  expect(placedAt(docker, all)).toBe('roomy')
  expect(placedAt(docker, all.slice(0, 1))).toBe('full')
})

describe('what is needed', () => {
  const cannot: Capabilities = {
    pause: false,
    gpu: false,
    diskLimit: false,
    isolation: 'none',
    egress: ['internet'],
    mounts: false,
    logs: false,
    reports: false,
  }
  test.each([
    ['gpu', { resources: { ...small, gpus: 1 } }],
    ['egress', { egress: 'site' }],
    ['mounts', { mounts: true }],
    ['pause', { requires: { pause: true } }],
    ['isolation', { requires: { isolation: 'partial' } }],
    ['disk_limit', { requires: { diskLimit: true } }],
    ['logs', { readiness: { kind: 'log', pattern: 'ready' } }],
    ['reports', { reports: true }],
  ] as const)('%s is looked for, and named where nobody has it', (lack, changed) => {
    const asked = demand({ kind: 'docker' }, { egress: 'internet', ...changed })
    const weak = candidate('weak', { capabilities: cannot })
    expect(placedAt(asked, [weak, candidate('strong', { load: 5 })])).toBe('strong')
    expect(choosePlacement(asked, [weak])).toEqual({ kind: 'unfit', lacking: [lack] })
  })

  test('on Kubernetes what must be able to pause needs a workspace: nothing else stays of it', () => {
    const asked = demand({ kind: 'kubernetes' }, { requires: { pause: true } })
    const all = [candidate('cluster', { kind: 'kubernetes' })]
    expect(choosePlacement(asked, all)).toEqual({ kind: 'unfit', lacking: ['pause'] })
    expect(placedAt({ ...asked, backend: { kubernetes: { workspace: { target: '/home/desk' } } } }, all)).toBe(
      'cluster',
    )
    expect(placedAt({ ...asked, requires: {} }, all)).toBe('cluster')
  })

  test.each([
    ['openstack', { openstack: { flavors: { small: 'm1.small' } } }],
    ['link', { link: { url: 'https://desk.example/' } }],
  ] as const)('of a class no %s is taken whose template does not say what it needs to know', (kind, backend) => {
    const asked = demand({ class: 'desks' })
    const cloud = candidate('cloud', { kind, classes: ['desks'] })
    const busy = candidate('busy', { classes: ['desks'], load: 9 })
    expect(placedAt(asked, [cloud, busy])).toBe('busy')
    expect(placedAt({ ...asked, backend }, [cloud, busy])).toBe('cloud')
    expect(choosePlacement(asked, [cloud])).toEqual({ kind: 'unfit', lacking: ['terms'] })
    expect(choosePlacement(asked, [{ ...cloud, capabilities: null }])).toEqual({ kind: 'unfit', lacking: ['terms'] })
  })

  test('what is a link is taken by nothing that runs something', () => {
    const asked = demand({ class: 'desks' }, { backend: { link: { url: 'https://desk.example/' } } })
    const host = candidate('host', { classes: ['desks'] })
    const links = candidate('links', { kind: 'link', classes: ['desks'], load: 9 })
    expect(placedAt(asked, [host, links])).toBe('links')
    expect(choosePlacement(asked, [host])).toEqual({ kind: 'unfit', lacking: ['terms'] })
  })

  test('what is to be mounted is looked for where it is at hand in service, and anywhere else where that is nowhere', () => {
    const all = [candidate('far'), candidate('near', { load: 9 }), candidate('closed', { open: false })]
    const at = (...ids: string[]) => withAtHand(all, (id) => ids.includes(id)).map(({ id }) => id)
    expect(at('near', 'closed')).toEqual(['near'])
    expect(at('closed')).toEqual(['far', 'near', 'closed'])
    expect(at()).toEqual(['far', 'near', 'closed'])
  })

  test('where each lacks something else, all of it is named', () => {
    const asked = demand({ kind: 'docker' }, { mounts: true, resources: { ...small, gpus: 1 } })
    const all = [
      candidate('one', { capabilities: { ...able, gpu: false } }),
      candidate('two', { capabilities: { ...able, mounts: false } }),
    ]
    expect(choosePlacement(asked, all)).toEqual({ kind: 'unfit', lacking: ['gpu', 'mounts'] })
  })

  test('of one that no worker has made yet nobody can say: it is taken where no other is', () => {
    const asked = demand({ kind: 'docker' }, { mounts: true })
    const fresh = candidate('fresh', { capabilities: null })
    expect(placedAt(asked, [fresh])).toBe('fresh')
    expect(placedAt(asked, [fresh, candidate('known', { load: 3 })])).toBe('known')
  })
})

test.each([{ isolation: 'partial' }, { isolation: 'enforced' }, { diskLimit: true }] as const)(
  'what no driver would refuse by itself is not hoped for: %j',
  (requires) => {
    const fresh = candidate('fresh', { capabilities: null })
    expect(choosePlacement(demand({ kind: 'docker' }, { requires }), [fresh])).toMatchObject({ kind: 'unfit' })
    expect(placedAt(demand({ kind: 'docker' }, { requires: { isolation: 'none', diskLimit: false } }), [fresh])).toBe(
      'fresh',
    )
  },
)

describe('for whatever providers there are', () => {
  const resources = fc.record({
    sessions: fc.constant(1),
    cpuMilli: fc.nat(3),
    memoryMib: fc.nat(3),
    diskMib: fc.nat(3),
    gpus: fc.nat(1),
  })
  const limit = fc.option(fc.nat(4), { nil: null })
  const limits = fc.record({ sessions: limit, cpuMilli: limit, memoryMib: limit, diskMib: limit, gpus: limit })
  const capabilities = fc.record({
    pause: fc.boolean(),
    gpu: fc.boolean(),
    diskLimit: fc.boolean(),
    isolation: fc.constantFrom(...isolations),
    egress: fc.subarray(['none', 'internet', 'site'] as const),
    mounts: fc.boolean(),
    logs: fc.boolean(),
    reports: fc.boolean(),
  })
  const some: fc.Arbitrary<Candidate[]> = fc.uniqueArray(
    fc.record({
      id: fc.stringMatching(/^[a-z]{2}$/).map((id) => id as ProviderId),
      kind: fc.constantFrom('docker', 'slurm'),
      classes: fc.subarray(['a', 'b']),
      open: fc.boolean(),
      healthy: fc.boolean(),
      load: fc.nat(3),
      capabilities: fc.option(capabilities, { nil: null }),
      quota: fc.option(fc.record({ limits, held: resources }), { nil: null }),
    }),
    { selector: (c) => c.id, maxLength: 8 },
  )
  const asked: fc.Arbitrary<Demand> = fc.record({
    provider: fc.oneof(
      fc.record({ kind: fc.constantFrom('docker', 'slurm') }),
      fc.record({ class: fc.constantFrom('a', 'b') }),
    ),
    requires: fc.record(
      { pause: fc.boolean(), isolation: fc.constantFrom(...isolations), diskLimit: fc.boolean() },
      { requiredKeys: [] },
    ),
    resources,
    egress: fc.constantFrom('none', 'internet', 'site'),
    mounts: fc.boolean(),
    readiness: fc.constantFrom({ kind: 'none' }, { kind: 'log', pattern: 'ready' }),
    reports: fc.boolean(),
  })

  test('the choice does not depend on their order', () => {
    fc.assert(
      fc.property(some, asked, (all, wanted) => {
        expect(choosePlacement(wanted, all.toReversed())).toEqual(choosePlacement(wanted, all))
      }),
    )
  })

  test('what is chosen is named, in service, and lacks nothing; a refusal means that there is no such one', () => {
    fc.assert(
      fc.property(some, asked, (all, wanted) => {
        const named = all.filter(
          (c) =>
            c.open &&
            ('kind' in wanted.provider
              ? c.kind === wanted.provider.kind
              : 'class' in wanted.provider && c.classes.includes(wanted.provider.class)),
        )
        const fit = named.filter((c) => lacksOf(wanted, c.capabilities).length === 0)
        const placement = choosePlacement(wanted, all)
        if (placement.kind === 'placed') expect(fit.map(({ id }) => id)).toContain(placement.providerId)
        if (placement.kind === 'none') expect(named).toEqual([])
        if (placement.kind === 'unfit') {
          expect([named.length > 0, fit]).toEqual([true, []])
          expect(placement.lacking.length).toBeGreaterThan(0)
        }
      }),
    )
  })

  test('a provider more that can do nothing more than the chosen one, and is busier, changes nothing', () => {
    fc.assert(
      fc.property(some, asked, (all, wanted) => {
        const placement = choosePlacement(wanted, all)
        if (placement.kind !== 'placed') return
        const chosen = all.find(({ id }) => id === placement.providerId)
        if (chosen === undefined) throw new Error('It was chosen from these.')
        const busier = { ...chosen, id: 'a0' as ProviderId, load: chosen.load + 1 }
        expect(choosePlacement(wanted, [busier, ...all])).toEqual(placement)
      }),
    )
  })
})
