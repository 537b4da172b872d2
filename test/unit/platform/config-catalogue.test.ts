import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readConfig } from '../../../platform/config.ts'

const read = (env: Readonly<Record<string, string>>) => readConfig(['catalogues', 'experiments'], env)
const faultsOf = (env: Readonly<Record<string, string>>): string[] => {
  try {
    read(env)
    return []
  } catch (error) {
    return error instanceof Error ? error.message.split('\n').slice(1) : []
  }
}

test('without any variable there is no catalogue, and days are those of UTC', () => {
  const { catalogues, experiments } = read({})
  expect(catalogues).toEqual({ sources: [], names: [], everyMs: 3_600_000 })
  expect(experiments).toEqual({ access: { timeZone: 'UTC', daysBefore: 2, daysAfter: 40 }, withdrawn: 'stop' })
})

test('the catalogues that are documented are ones', () => {
  const documented =
    /^```json\n(\[\n[^`]*"kind": "userOffice"[^`]*)```$/m.exec(readFileSync('docs/projects.md', 'utf8'))?.[1] ?? ''
  const { catalogues } = read({ CARREL_CATALOGUES: documented })
  expect(catalogues.names).toEqual([
    { id: 'office', extent: 'person' },
    { id: 'icat', extent: 'whole' },
    { id: 'list', extent: 'whole' },
  ])
})

test('what is wrong is named, and holds no value', () => {
  const office = {
    id: 'office',
    kind: 'userOffice',
    url: 'https://office.example.org',
    username: 'u',
    passwordFile: '/p',
  }
  const faults = faultsOf({
    CARREL_TIME_ZONE: 'Mars/Olympus',
    CARREL_WITHDRAWN_SESSIONS: 'wait',
    CARREL_EXPERIMENT_DAYS_BEFORE: '-1',
    CARREL_CATALOGUES: JSON.stringify([office, { id: 'list', kind: 'csv' }]),
  })
  expect(faults.map((fault) => fault.trim().split(' ')[0])).toEqual([
    'CARREL_CATALOGUES[0].url',
    'CARREL_CATALOGUES[1].file',
    'CARREL_TIME_ZONE',
    'CARREL_EXPERIMENT_DAYS_BEFORE',
    'CARREL_WITHDRAWN_SESSIONS',
  ])
  expect(faults.join()).not.toContain('Mars')
  const twice = [
    { id: 'a', kind: 'csv', file: '/a' },
    { id: 'a', kind: 'csv', file: '/b' },
  ]
  expect(faultsOf({ CARREL_CATALOGUES: JSON.stringify(twice) })).toHaveLength(1)
})
