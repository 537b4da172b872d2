import { expect, test } from 'vitest'
import { storageSource } from '../../../platform/config/storage-sources.ts'

const source = { kind: 'dataset', id: 'd1', providerId: 'cluster', modes: ['ro'] }
const accepts = (more: object) => storageSource.safeParse({ ...source, ...more }).success

test('a storage source is a directory or a volume, never both and never neither', () => {
  expect(accepts({ hostPath: '/srv/d1' })).toBe(true)
  expect(accepts({ volume: { kind: 'claim', claim: 'archive', subPath: 'runs/7' } })).toBe(true)
  expect(accepts({ volume: { kind: 'nfs', server: 'files.example.org', path: '/export/d1' } })).toBe(true)
  expect(accepts({ volume: { kind: 'csi', driver: 'cvmfs.csi.example', attributes: { repository: 'd1' } } })).toBe(true)
  expect(accepts({})).toBe(false)
  expect(accepts({ hostPath: '/srv/d1', volume: { kind: 'claim', claim: 'archive' } })).toBe(false)
})

test.each(['/abs', '../up', 'a/../../b', 'a//b', './a', ''])('a directory in a claim is not %j', (subPath) => {
  expect(accepts({ volume: { kind: 'claim', claim: 'archive', subPath } })).toBe(false)
})
