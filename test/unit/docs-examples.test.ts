import { expect, test } from 'vitest'
import { z } from 'zod'
import { ProviderCreate, providerExample } from '../../api/providers/registry-schemas.ts'
import { End, Failure, Report } from '../../api/provisioner/schemas.ts'
import { BackendTermsFields } from '../../api/templates/backend-terms.ts'
import { TemplateSpecSchema } from '../../api/templates/spec.ts'
import { providerKinds } from '../../domain/provider-kinds.ts'
import { readConfig } from '../../platform/config.ts'
import { apiKinds, apiSettingsFaults } from '../../ports/compute/api-settings.ts'
import { checkConfiguration } from '../../stack/check-configuration.ts'
import { documents, textOf } from '../rules/documents.ts'

interface Example {
  readonly file: string
  readonly value: unknown
}

/** All that stands in blocks of JSON; what is a part of an object stands without its braces, and a value may be cut short. */
const blocks: readonly Example[] = documents.flatMap((file) =>
  [...textOf(file).matchAll(/^```json\n([^]*?)\n```$/gm)].map(([, text = '']): Example => {
    const isWhole = /^[[{]/.test(text)
    return { file, value: JSON.parse((isWhole ? text : `{${text}}`).replaceAll('…"', 'x"')) }
  }),
)
const inLines: readonly Example[] = documents.flatMap((file) =>
  [...textOf(file).matchAll(/`(\{"[^`…]*\})`/g)].flatMap(([, text = '']): Example[] => {
    try {
      return [{ file, value: JSON.parse(text) }]
    } catch {
      return []
    }
  }),
)

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isProvider = (value: unknown) =>
  isRecord(value) && providerKinds.some((kind) => kind === value['kind']) && 'id' in value
const providers = [...blocks, ...inLines].flatMap(({ file, value }) => {
  const all = (Array.isArray(value) ? value : [value]).filter(isProvider)
  return all.length === 0 ? [] : [{ file, all }]
})

test('there is a provider of every kind to copy, but of those that are for development alone', () => {
  const shown = new Set(providers.flatMap(({ all }) => all.map((one) => (one as { kind: string }).kind)))
  expect(providerKinds.filter((kind) => !shown.has(kind))).toEqual(['process', 'fake'])
})

test.each(providers)('the providers that $file shows are taken by the bootstrap as they stand', ({ all }) => {
  const config = readConfig(['providers', 'seed'], {
    CARREL_PROVIDERS: JSON.stringify(all),
    CARREL_WEAK_ISOLATION_ALLOWED: all.map((one) => (one as { id: string }).id).join(','),
  })
  expect(checkConfiguration(config).faults).toEqual([])
})

const size = { cpuMilli: 1_000, memoryMib: 1_024, diskMib: 0, gpus: 0 }
/** What every template has, and the pages say so instead of repeating it. */
const every = {
  description: '',
  title: 'Desk',
  provider: { kind: 'docker' },
  image: 'desk:1',
  sizes: { small: size, large: size },
  defaultSize: 'small',
  doors: { web: { protocol: 'http', port: 8888, modes: ['control'] } },
  readiness: { kind: 'none' },
  egress: 'internet',
  startLimitSeconds: 60,
  lifetimeSeconds: 3_600,
  visibleTo: [{ kind: 'everyone' }],
}
const templates = blocks.filter(({ value }) => isRecord(value) && ('backend' in value || 'readiness' in value))

test.each(templates)('the template that $file shows is taken as it stands', ({ value }) => {
  expect(TemplateSpecSchema.safeParse({ ...every, ...(value as object) }).error?.issues ?? []).toEqual([])
})

const { handover, kubernetes, link, openstack, slurm } = BackendTermsFields.shape
test.each(Object.entries({ handover, kubernetes, link, openstack, slurm }))(
  'all that a template may say of its own to the kind %s is shown',
  (kind, terms) => {
    const shown = templates.flatMap(({ value }) => {
      const { backend = {} } = value as { backend?: Readonly<Record<string, object>> }
      return Object.keys(backend[kind] ?? {})
    })
    const known = terms.unwrap()
    // What a provisioner is told the site makes up.
    expect(shown.toSorted()).toEqual(
      known instanceof z.ZodObject ? Object.keys(known.shape).toSorted() : shown.toSorted(),
    )
    expect(shown.length).toBeGreaterThan(0)
  },
)

const [, guided = ''] = /"\$API\/v1\/providers" -d '(\{[^']+\})'/.exec(textOf('docs/api-guide.md')) ?? []

test.each([
  ['guide', JSON.parse(guided) as unknown],
  ['reference', providerExample],
])('the provider that the API %s makes is one that its kind takes', (_, body) => {
  const { kind, settings, secrets } = ProviderCreate.parse(body)
  const known = apiKinds[kind]
  expect(known).toBeDefined()
  expect(known && apiSettingsFaults(known, settings, secrets)).toEqual([])
})

test('what a provisioner says on its page is what the API hears', () => {
  const page = textOf('docs/providers/handover.md')
  const reports = [...page.matchAll(/\/report" -d '(\{[^']+\})'/g)].map(([, body = '']) => JSON.parse(body) as unknown)
  expect(reports.map((report) => Report.parse(report).state)).toEqual(['preparing', 'running'])
  const said = (word: string) =>
    JSON.parse(new RegExp(`\\*\\*${word}\\*\\*\\s\\(\`([^\`]+)\`\\)`).exec(page)?.[1] ?? '') as unknown
  expect([Failure.parse(said('Fail')).code, End.parse(said('End')).exitCode]).toEqual(['unschedulable', 0])
})
