import { expect, test } from 'vitest'
import { parse } from 'yaml'
import type { z } from 'zod'
import { defaultRetention } from '../../domain/retention.ts'
import { defaultTimings } from '../../domain/timings.ts'
import { basePart, parts } from '../../platform/config/parts.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { fakeSettings } from '../../ports/compute/fake/settings.ts'
import { handoverSettings } from '../../ports/compute/handover/settings.ts'
import { kubernetesSettings } from '../../ports/compute/kubernetes/settings.ts'
import { openstackSettings } from '../../ports/compute/openstack/settings.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'
import { slurmSettings } from '../../ports/compute/slurm/settings.ts'
import { documents, sectionOf, tableRows, textOf } from '../rules/documents.ts'
import { sourceFiles } from '../rules/imports.ts'

const configuration = textOf('docs/configuration.md')
const read = new Set(
  [basePart, ...Object.values(parts)].flatMap((part) => Object.keys((part.in as { shape: object }).shape)),
)
const ours = [...read].filter((key) => key.startsWith('CARREL_'))

const composeFiles = ['', 'catalogues.', 'guacamole.', 'mail.', 'people.', 'provider.'].map(
  (part) => `docker-compose.${part}yaml`,
)
/** Variables of `.env` that the compose files read. */
const composeOnly = new Set(
  composeFiles.flatMap((file) => [...textOf(file).matchAll(/\$\{([A-Z_]+)/g)].map(([, name = '']) => name)),
)
/** The names in the first column of the tables. */
const rows = (text: string) => new Set(tableRows(text).flatMap(({ words: [first = []] }) => first))

test('every variable has its row in docs/configuration.md, or a section that begins with it', () => {
  const described = rows(configuration)
  const sections = new Set([...configuration.matchAll(/^`(CARREL_[A-Z_]+)`/gm)].map(([, name]) => name))
  expect(ours.filter((key) => !described.has(key) && !sections.has(key))).toEqual([])
})

const variablesIn = (files: readonly string[]) =>
  new Set(files.flatMap((file) => [...textOf(file).matchAll(/\bCARREL_[A-Z_]*[A-Z]\b/g)].map(([name]) => name)))
/** What drivers give instances, and what the tests are told; neither is configuration. */
const others = variablesIn(['.ci/run', ...['ports', 'images', 'test'].flatMap((folder) => sourceFiles(folder))])

test('every variable that a document or the compose file names is one that somebody reads', () => {
  for (const file of ['Dockerfile', ...documents.filter((name) => name !== 'CHANGELOG.md')]) {
    const isConfiguration = /^(README|Dockerfile|docs\/(configuration|operations))/.test(file)
    const known = (name: string) => read.has(name) || composeOnly.has(name) || (!isConfiguration && others.has(name))
    expect(
      [...variablesIn([file])].filter((name) => !known(name)),
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

const section = (title: string) => sectionOf(configuration, title).split('\n#')[0] ?? ''

const onPage = (kind: string, heading: string) => sectionOf(textOf(`docs/providers/${kind}.md`), heading)
const isPlain = (value: unknown): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value)

test.each([
  ['docker', section('### Settings of `docker`'), dockerSettings.unwrap().shape],
  ['process', section('### Settings of `process`'), processSettings.shape],
  ['handover', onPage('handover', '## Setting it up'), handoverSettings.shape],
  ['kubernetes', onPage('kubernetes', '## Settings'), kubernetesSettings.unwrap().shape],
  ['openstack', onPage('openstack', '## Settings'), openstackSettings.unwrap().shape],
  ['slurm', onPage('slurm', '## Settings'), slurmSettings.unwrap().shape],
] as const)(
  'every setting of a provider of the kind %s is described with its default, and no other is',
  (_, text, shape) => {
    const listed = tableRows(text)
    for (const [name, schema] of Object.entries<z.ZodType>(shape)) {
      expect(text, name).toContain(`\`${name}\``)
      const byDefault = schema.safeParse(undefined).data
      const row = listed.find(({ words: [first = []] }) => first.includes(name))
      // Digits stand in groups of three, and several names of one row have their defaults in one cell.
      const told = row?.cells[1]?.replaceAll(/(\d) (?=\d{3})|`/g, '$1').split(/[,;] /)
      if (told !== undefined && isPlain(byDefault)) expect(told, name).toContain(`${byDefault}`)
    }
    const names = listed.flatMap(({ words: [first = []] }) => first).filter((name) => !name.includes('.'))
    expect(names.filter((name) => !Object.hasOwn(shape, name))).toEqual([])
  },
)

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
