import { expect, test } from 'vitest'
import { handoverFailCodes } from '../../domain/handover.ts'
import { checkCodes } from '../../domain/provider-check.ts'
import { apiKinds } from '../../ports/compute/api-settings.ts'
import { waitingFor } from '../../ports/compute/slurm/reasons.ts'
import { sectionOf, tableRows, textOf } from '../rules/documents.ts'
import { sourceFiles } from '../rules/imports.ts'

const providers = textOf('docs/providers.md')

/** What a driver's own word for what it read comes to. */
const inCarrelsWords: Readonly<Record<string, readonly string[]>> = {
  queued: ['pending'],
  failing: ['pending', 'exited'],
  hopeless: ['exited'],
  failed: ['exited'],
  stuck: ['exited'],
  over: ['exited'],
}

/** The entries of a table in a driver's source: a word of the backend's, and Carrel's words and reasons for it. */
function entriesOf(file: string, table: string): [word: string, means: string[]][] {
  const [, body = ''] =
    new RegExp(`const ${table}: [^=]+ = \\{\n([^]*?)\n\\}`).exec(textOf(`ports/compute/${file}`)) ?? []
  return [...body.matchAll(/^ {2}'?([\w-]+)'?: (.+),$/gm)].map(([, word = '', value = '']) => {
    const said = [...value.matchAll(/(?:^|is: |kind: |code: |reason: )'([a-z_]+)'/g)].map(([, one = '']) => one)
    return [word, said.flatMap((one) => inCarrelsWords[one] ?? [one])]
  })
}

const backends = [
  { kind: 'docker', text: sectionOf(providers, '## `docker`'), tables: [['docker/states.ts', 'meaning']] },
  {
    kind: 'kubernetes',
    text: sectionOf(textOf('docs/providers/kubernetes.md'), '## What the cluster says'),
    tables: ['waiting', 'containerEnds', 'podEnds', 'disruptions'].map((table) => ['kubernetes/states.ts', table]),
  },
  {
    kind: 'openstack',
    text: sectionOf(textOf('docs/providers/openstack.md'), '## What the cloud says'),
    tables: [['openstack/states.ts', 'meaning']],
  },
  {
    kind: 'slurm',
    text: sectionOf(textOf('docs/providers/slurm.md'), '## What the cluster says'),
    tables: [['slurm/states.ts', 'slurmStates']],
  },
]

test.each(backends)('every state that $kind has a word for stands in its table with that word', ({ text, tables }) => {
  const rows = tableRows(text)
  for (const [file = '', table = ''] of tables) {
    const entries = entriesOf(file, table)
    expect(entries.length).toBeGreaterThan(2)
    for (const [word, means] of entries) {
      const named = rows.filter(({ words: [first = []] }) => first.includes(word))
      expect(
        named.map(({ words }) => words[1]),
        word,
      ).toContainEqual(expect.arrayContaining(means))
    }
  }
})

test.each(backends)('every state in the table of $kind is one that its driver knows', ({ kind, text }) => {
  const source = sourceFiles(`ports/compute/${kind}`).map(textOf).join('\n')
  const named = tableRows(text.split('\n| while creating')[0] ?? '').flatMap(({ words: [first = []] }) => first)
  const states = named.filter((word) => /^([A-Z]\w+|[a-z]+)$/.test(word))
  expect(states.length).toBeGreaterThan(4)
  expect(states.filter((word) => !new RegExp(`\\b${word}\\b`).test(source))).toEqual([])
})

test('what a job of Slurm waits for in vain stands in the table with the reason of the end, and nothing else does', () => {
  const rows = tableRows(backends[3]?.text ?? '').filter(({ cells: [first = ''] }) => first.startsWith('`PENDING`: '))
  const told = rows.flatMap(({ words: [reasons = [], means] }) =>
    reasons.slice(1).map((reason) => ({ reason, end: means?.[1] })),
  )
  const ended = told.map(({ reason }) => ({ reason, end: waitingFor(reason.replace('…', 'Cpu')).never }))
  expect(ended).toEqual(told)
  const source = textOf('ports/compute/slurm/reasons.ts')
  const inVain = [...source.matchAll(/^ {2}(\w+): \{.* never: /gm)].map(([, reason]) => reason)
  expect(inVain.length).toBeGreaterThan(10)
  expect(inVain.filter((reason) => !told.some((one) => one.reason === reason))).toEqual([])
})

test('every code of a failure that a provisioner may say stands on its page', () => {
  const rows = tableRows(textOf('docs/providers/handover.md'))
  const [codes = []] = rows.find(({ words }) => words[0]?.[0] === 'fail')?.words ?? []
  expect(codes.slice(1)).toEqual([...handoverFailCodes])
})

test('every code of a check has its row, and every row is one', () => {
  const rows = tableRows(sectionOf(providers, '## What a check finds')).slice(1)
  expect(rows.flatMap(({ words: [codes = []] }) => codes)).toEqual([...checkCodes])
})

test('every secret that a kind takes through the API is named', () => {
  const rows = tableRows(sectionOf(providers, '## Made by configuration, or through the API'))
  const told = rows.flatMap(({ words: [[kind = ''] = [], secrets = []] }) => (kind === '' ? [] : [[kind, secrets]]))
  const taken = Object.entries(apiKinds).flatMap(([kind, { secret }]) =>
    secret.length === 0 ? [] : [[kind, [...secret]]],
  )
  expect(told.toSorted()).toEqual(taken.toSorted())
})
