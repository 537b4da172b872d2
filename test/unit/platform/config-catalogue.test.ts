import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decidersOfLogins, expectDeciders } from '../../../api/user-office/deciders.ts'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'

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
    issuers: ['https://office.example.org'],
  }
  const faults = faultsOf({
    CARREL_TIME_ZONE: 'Mars/Olympus',
    CARREL_WITHDRAWN_SESSIONS: 'wait',
    CARREL_EXPERIMENT_DAYS_BEFORE: '-1',
    CARREL_CATALOGUES: JSON.stringify([office, { id: 'list', kind: 'csv', issuers: [] }]),
  })
  expect(faults.map((fault) => fault.trim().split(' ')[0])).toEqual([
    'CARREL_CATALOGUES[0].url',
    'CARREL_CATALOGUES[1].issuers',
    'CARREL_CATALOGUES[1].file',
    'CARREL_TIME_ZONE',
    'CARREL_EXPERIMENT_DAYS_BEFORE',
    'CARREL_WITHDRAWN_SESSIONS',
  ])
  expect(faults.join()).not.toContain('Mars')
  const twice = [
    { id: 'a', kind: 'csv', file: '/a', issuers: ['x'] },
    { id: 'a', kind: 'csv', file: '/b', issuers: ['x'] },
  ]
  expect(faultsOf({ CARREL_CATALOGUES: JSON.stringify(twice) })).toHaveLength(1)
})

test('a catalogue takes logins from those alone who decide them, now', () => {
  const office = 'https://office.example.org'
  const [sso, other] = ['https://sso.example.org', 'https://other.example.org']
  const issuers = [
    { issuer: sso, claims: { officeLogin: 'uid' } },
    { issuer: other, claims: { officeLogin: null } },
  ]
  const deciders = decidersOfLogins(issuers, { issuer: office })
  expect(deciders).toEqual([office, sso])
  expect(decidersOfLogins(issuers, null)).toEqual([sso])
  const speaksOf = (...named: string[]) =>
    read({ CARREL_CATALOGUES: JSON.stringify([{ id: 'list', kind: 'csv', file: '/a', issuers: named }]) }).catalogues
  expect(() => expectDeciders(speaksOf(sso, office).sources, deciders)).not.toThrow()
  for (const none of [other, 'https://gone.example.org']) {
    const check = () => expectDeciders(speaksOf(sso, none).sources, deciders)
    expect(check).toThrow(ConfigInvalid)
    expect(check).toThrow('CARREL_CATALOGUES[0].issuers[1] must be the user office, or a configured issuer')
  }
})
