import { expect, test } from 'vitest'
import { readInvestigations } from '../../../ports/identity/catalogue/icat/investigations.ts'
import { readTable } from '../../../ports/identity/catalogue/csv/table.ts'
import { readRecords } from '../../../ports/identity/catalogue/user-office/records.ts'
import { noteInto, textOf } from '../../../ports/identity/catalogue/words.ts'
import type { RecordFault } from '../../../domain/catalogue.ts'
import { rules } from '../../conformance/catalogue.ts'

const standard = { uid: 50_000, gid: 50_000 }
const read = (records: readonly unknown[], defaultPosix: typeof standard | null = standard) =>
  readRecords(records, { ...rules, login: 'ada', defaultPosix })
const visit = { session_number: 1, start_date: '2026-03-28T08:00:00Z', end_date: { year: 2026, month: 3, day: 30 } }
const proposal = { proposal_id: 4711, subject: 'Glass', body: '.', beam_line: 'ID01', uid: '40001', gid: 40_002 }

test('a proposal is read as the wire has it', () => {
  const data_set_path = "{'/data/visitor/4711/1/': {'bind': '/experiment/raw', 'mode': 'ro'}}"
  const { projects, faults } = read([{ ...proposal, sessions: [{ ...visit, subject: '.', body: '', data_set_path }] }])
  expect(faults).toEqual([])
  expect(projects).toEqual([
    {
      externalId: '4711',
      name: 'Glass',
      description: '',
      members: [{ login: 'ada', role: null }],
      partial: false,
      experiments: [
        {
          externalId: '4711/1',
          name: 'Glass',
          description: '',
          instrument: 'ID01',
          starts: '2026-03-28T08:00:00.000Z',
          ends: '2026-03-30',
          posix: { uid: 40_001, gid: 40_002 },
          datasets: [{ name: 'raw', path: '/data/visitor/4711/1', target: '/experiment/raw', mode: 'ro' }],
          members: null,
        },
      ],
    },
  ])
})

test.each([
  ['.', standard],
  ['', standard],
  ['   ', standard],
  [null, standard],
  [undefined, standard],
  [0, standard],
  ['0', standard],
  [999, standard],
  [-1, standard],
  ['root', standard],
  [1.5, standard],
  [65_534, standard],
  [4_294_967_296, standard],
  [{}, standard],
  ['40001', { uid: 40_001, gid: 40_001 }],
  [40_001, { uid: 40_001, gid: 40_001 }],
])('of a uid and gid %j sessions run as %j', (number, expected) => {
  const records = [{ ...proposal, uid: number, gid: number, sessions: [visit] }]
  expect(read(records).projects[0]?.experiments[0]?.posix).toEqual(expected)
  // Without a default: as nobody, and never as root.
  if (expected === standard) expect(read(records, null).projects[0]?.experiments[0]?.posix).toBeNull()
})

test('a default that no person may be is none', () => {
  const { projects, faults } = read([{ ...proposal, uid: '.', gid: '.', sessions: [visit] }], { uid: 0, gid: 50_000 })
  expect(projects[0]?.experiments[0]?.posix).toBeNull()
  expect(faults).toMatchObject([{ field: 'uid' }])
})

test.each([
  ['/etc/shadow', '/x', 'ro'],
  ['/data', '/x', 'ro'],
  ['/data/../etc', '/x', 'ro'],
  ['/database/a', '/x', 'ro'],
  ['/data/a', '../x', 'ro'],
  ['/data/a', '/x y', 'ro'],
  ['/data/a', '/x', 'rwx'],
])('the path %s at %s (%s) is not mounted, and that is said', (path, bind, mode) => {
  const paths = { [path]: { bind, mode }, '/data/good': { bind: '/good', mode: 'rw' } }
  const records = [{ ...proposal, sessions: [{ ...visit, data_set_path: JSON.stringify(paths) }] }]
  const { projects, faults } = read(records)
  expect(projects[0]?.experiments[0]?.datasets).toEqual([
    { name: 'good', path: '/data/good', target: '/good', mode: 'rw' },
  ])
  expect(faults).toMatchObject([{ record: '4711', field: 'data_set_path' }])
})

test('what cannot be read of a proposal is said, and keeps the proposal from withdrawals; the others are whole', () => {
  const { projects, faults, unreadable } = read([
    { ...proposal, proposal_id: 'A', sessions: [visit, { ...visit, session_number: 2, start_date: 'soon' }] },
    { ...proposal, proposal_id: 'B', sessions: 'none' },
    { ...proposal, proposal_id: '.', sessions: [] },
    'nothing',
    { ...proposal, proposal_id: 'C', sessions: [{ ...visit, data_set_path: '{not json' }, null] },
    { proposal_id: 'D' },
  ])
  expect(unreadable).toBe(2)
  expect(projects.map((p) => [p.externalId, p.partial, p.experiments.length])).toEqual([
    ['A', true, 1],
    ['B', true, 0],
    ['C', true, 1],
    ['D', false, 0],
  ])
  expect(faults.map(({ record, field }) => `${record} ${field}`)).toEqual([
    'A start_date',
    'B sessions',
    'record 3 proposal_id',
    'record 4 proposal_id',
    'C data_set_path',
    'C session_number',
  ])
})

test('an investigation leads to its data by what it says of itself, and to nobody else’s', () => {
  const icat = {
    ...rules,
    ownerRoles: ['PI'],
    defaultPosix: null,
    datasets: [{ path: '/data/{name}/{visitId}', target: '/experiment/raw', mode: 'ro' as const }],
  }
  const of = (record: object) => readInvestigations([{ record: { id: 7, ...record }, users: [] }], icat).projects[0]
  expect(of({ name: 'P1', visitId: 'ID01' })?.experiments[0]?.datasets[0]?.path).toBe('/data/P1/ID01')
  expect(of({ name: '../P2', visitId: '..' })?.experiments[0]?.datasets[0]?.path).toBe('/data/.._P2/_')
})

test('a table is CSV, and one that is cut off is none', () => {
  expect(readTable('a,b\r\n"x ""y"", z",\n\n')).toEqual([
    ['a', 'b'],
    ['x "y", z', ''],
  ])
  expect(readTable('a,b\nx,y')).toBeNull()
  expect(readTable('a\n"x\n')).toBeNull()
})

test('text is cut between characters, never within one', () => {
  const atom = '\u{269B}\u{1F52C}'
  expect(textOf(`aa${atom}`, 4)).toBe('aa\u{269B}')
  expect(textOf(`aa${atom}`, 5)).toBe(`aa${atom}`)
  expect(textOf('a\uD83Db')).toBe('a b')
  const faults: RecordFault[] = []
  noteInto(faults, `${'a'.repeat(99)}\u{1F52C}`)('name', 'Expected a name.')
  expect(faults.map(({ record }) => record)).toEqual(['a'.repeat(99)])
})
