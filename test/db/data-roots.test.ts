import { afterAll, beforeAll, expect, test } from 'vitest'
import { applyConfiguration } from '../../db/bootstrap.ts'
import type { Configuration } from '../../db/bootstrap.ts'
import { allRoots, readDataRoots } from '../../db/data-roots.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'

let rows: Rows
beforeAll(async () => {
  rows = await createRows()
})
afterAll(async () => await rows.close())

const configure = async (dataRoots: NonNullable<Configuration['dataRoots']>) =>
  await applyConfiguration(rows.db, {
    providers: [{ id: 'fake', kind: 'fake', startLimit: 5, networks: [], settings: {} }],
    templates: [],
    quotaDefaults: {},
    dataRoots,
  })

test('data lies where the configuration says, and nowhere else any more', async () => {
  const claim = { kind: 'claim', claim: 'visits' } as const
  await configure([
    { path: '/data', providerId: 'fake', hostPath: '/mnt/data/' },
    { path: '/claims', providerId: 'fake', volume: claim },
  ])
  expect(await allRoots(rows.db)).toEqual(['/claims', '/data'])
  const at = await readDataRoots(rows.db)
  expect([...at('fake' as ProviderId)].sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
    { path: '/claims', source: { volume: claim } },
    { path: '/data', source: { hostPath: '/mnt/data' } },
  ])
  expect(at('other' as ProviderId)).toEqual([])
  await configure([])
  expect(await allRoots(rows.db)).toEqual([])
  await expect(configure([{ path: '/data', providerId: 'nobodys', hostPath: '/mnt' }])).rejects.toThrow(/foreign key/)
})
