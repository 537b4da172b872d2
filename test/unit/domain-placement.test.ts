import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ProviderId } from '../../domain/ids.ts'
import { choosePlacement } from '../../domain/placement.ts'
import type { Candidate } from '../../domain/placement.ts'

const candidate = (id: string, changed: Partial<Candidate> = {}): Candidate => ({
  id: id as ProviderId,
  kind: 'docker',
  open: true,
  healthy: true,
  load: 0,
  ...changed,
})

test('a provider that is named is taken, healthy or not, but only in service', () => {
  const all = [candidate('one'), candidate('two', { healthy: false }), candidate('three', { open: false })]
  expect(choosePlacement({ id: 'two' }, all)).toBe('two')
  expect(choosePlacement({ id: 'three' }, all)).toBeNull()
  expect(choosePlacement({ id: 'four' }, all)).toBeNull()
})

test('of a kind the healthy come first, then the least loaded', () => {
  const all = [
    candidate('sick', { healthy: false }),
    candidate('busy', { load: 9 }),
    candidate('calm', { load: 1 }),
    candidate('other', { kind: 'slurm' }),
    candidate('closed', { open: false }),
  ]
  expect(choosePlacement({ kind: 'docker' }, all)).toBe('calm')
  expect(choosePlacement({ kind: 'docker' }, [candidate('sick', { healthy: false })])).toBe('sick')
  expect(choosePlacement({ kind: 'cloud' }, all)).toBeNull()
})

test('the choice does not depend on the order', () => {
  const some = fc.uniqueArray(
    fc.record({
      id: fc.stringMatching(/^[a-z]{3}$/).map((id) => id as ProviderId),
      kind: fc.constantFrom('docker', 'slurm'),
      open: fc.boolean(),
      healthy: fc.boolean(),
      load: fc.nat(3),
    }),
    { selector: (c) => c.id },
  )
  fc.assert(
    fc.property(some, (all) => {
      expect(choosePlacement({ kind: 'docker' }, all)).toBe(choosePlacement({ kind: 'docker' }, all.toReversed()))
    }),
  )
})
