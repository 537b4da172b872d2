import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { defaultRetention } from '../../domain/retention.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { basePart, parts } from '../../platform/config/parts.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { fakeSettings } from '../../ports/compute/fake/settings.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'
import { root } from '../rules/imports.ts'

const textOf = (file: string) => readFileSync(join(root, file), 'utf8')
const configuration = textOf('docs/configuration.md')
const read = new Set(
  [basePart, ...Object.values(parts)].flatMap((part) => Object.keys((part.in as { shape: object }).shape)),
)
const ours = [...read].filter((key) => key.startsWith('CARREL_'))

const composeFiles = ['', 'catalogues.', 'guacamole.', 'mail.', 'people.'].map((part) => `docker-compose.${part}yaml`)
/** Variables of `.env` that the compose files read. */
const composeOnly = new Set(
  composeFiles.flatMap((file) => [...textOf(file).matchAll(/\$\{([A-Z_]+)/g)].map(([, name = '']) => name)),
)
/** The names in the first column of the tables. */
const rows = (text: string) =>
  new Set(
    [...text.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
      [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? ''),
    ),
  )

test('every variable has its row in docs/configuration.md, or a section that begins with it', () => {
  const described = rows(configuration)
  const sections = new Set([...configuration.matchAll(/^`(CARREL_[A-Z_]+)`/gm)].map(([, name]) => name))
  expect(ours.filter((key) => !described.has(key) && !sections.has(key))).toEqual([])
})

test('every variable that a document or the compose file names is one that is read', () => {
  const files = [
    'README.md',
    'Dockerfile',
    'docs/configuration.md',
    'docs/operations.md',
    'docs/operations/backup.md',
    'docs/operations/metrics.md',
    'docs/operations/runbook.md',
  ]
  for (const file of files) {
    const named = [...textOf(file).matchAll(/\bCARREL_[A-Z_]*[A-Z]\b/g)].map(([name]) => name)
    expect(
      named.filter((name) => !read.has(name) && !composeOnly.has(name)),
      file,
    ).toEqual([])
  }
})

test('every variable that a container of the compose files is given is one that is read', () => {
  const given = composeFiles.flatMap((file) => {
    const { services } = parse(textOf(file), { merge: true }) as {
      services: Record<string, { image?: string; environment?: Record<string, string> }>
    }
    return Object.values(services).flatMap(({ image = 'carrel:', environment = {} }) =>
      image.startsWith('carrel:') ? Object.keys(environment) : [],
    )
  })
  expect(given.length).toBeGreaterThan(10)
  expect(given.filter((key) => !read.has(key))).toEqual([])
})

test('every timing has its row, and every row of the timings is one', () => {
  const part = configuration.split('## Timings')[1]?.split('\n## ')[0] ?? ''
  expect([...rows(part)].toSorted()).toEqual(Object.keys(defaultTimings).toSorted())
})

/** What a section of docs/configuration.md says, up to the next heading. */
const section = (title: string) => configuration.split(`\n${title}\n`)[1]?.split(/\n#{2,3} /)[0] ?? ''

test.each([
  ['docker', Object.keys(dockerSettings.unwrap().shape)],
  ['process', Object.keys(processSettings.shape)],
])('every setting of a provider of the kind %s has its row, and every row is one', (kind, settings) => {
  const named = [...rows(section(`### Settings of \`${kind}\``))].filter((name) => !name.includes('.'))
  expect(named.toSorted()).toEqual(settings.toSorted())
})

test('every setting of a fake provider is named', () => {
  const told = section('### Settings of `fake`')
  for (const name of Object.keys(fakeSettings.unwrap().shape)) expect(told).toContain(`\`${name}\``)
})

test('every rule of retention has its row with its default', () => {
  const told = [...section('## Retention').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, days]) => [
    name,
    Number(days),
  ])
  expect(Object.fromEntries(told)).toEqual(defaultRetention)
})

test('every variable that may be set for the compose files is named where it is explained', () => {
  const operations = textOf('docs/operations.md')
  const optional = [...composeOnly].filter((name) => name.startsWith('CARREL_'))
  expect(optional.length).toBeGreaterThan(20)
  expect(optional.filter((name) => !operations.includes(`${name}\``) && !operations.includes(`${name}=`))).toEqual([])
})
