import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { TemplateSpecSchema } from '../../../api/templates/spec.ts'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'
import { checkConfiguration } from '../../../stack/check-configuration.ts'

const directory = mkdtempSync(join(tmpdir(), 'carrel-templates-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const spec = {
  title: 'Desk',
  description: '',
  provider: { kind: 'docker' },
  image: 'desk:1',
  sizes: { small: { cpuMilli: 500, memoryMib: 512, diskMib: 0, gpus: 0 } },
  defaultSize: 'small',
  parameters: { course: { type: 'string', enum: ['a', 'b'], default: 'a', env: 'COURSE' } },
  doors: { web: { protocol: 'http', port: 8888, modes: ['control'] } },
  readiness: { kind: 'tcp', port: 8888 },
  egress: 'none',
  startLimitSeconds: 60,
  lifetimeSeconds: 3_600,
  visibleTo: [{ kind: 'everyone' }],
}

const read = (templates: unknown, providers: unknown = []) => {
  const file = join(directory, 'templates.json')
  writeFileSync(file, JSON.stringify(templates))
  return readConfig(['providers', 'seed'], {
    CARREL_TEMPLATES_FILE: file,
    CARREL_PROVIDERS: JSON.stringify(providers),
  })
}
const keysOf = (wanted: ReturnType<typeof read>): string[] => checkConfiguration(wanted).faults.map(({ key }) => key)

test('a template of the configuration is what the API would make of it', () => {
  const checked = checkConfiguration(
    read([{ name: 'desk', spec }], [{ id: 'docker', kind: 'docker', networks: ['10.0.0.0/8'] }]),
  )
  expect(checked).toEqual({ faults: [], templates: [{ name: 'desk', spec: TemplateSpecSchema.parse(spec) }] })
})

test('a template that is none is told with every place, and one without a proper name stops the start', () => {
  const broken = { ...spec, sizes: undefined, doors: { web: { ...spec.doors.web, port: 0 } }, imgae: 'x' }
  const keys = keysOf(read([{ name: 'desk', spec: broken }]))
  for (const place of ['[0].spec.sizes', '[0].spec.doors.web.port', '[0].spec'])
    expect(keys).toContain(`CARREL_TEMPLATES_FILE${place}`)
  expect(() => read([{ name: 'No name', spec }])).toThrow(ConfigInvalid)
})

test('parts that do not fit, a name that stands twice and settings that are not the driver’s are told', () => {
  const odd = { ...spec, defaultSize: 'huge', readiness: { kind: 'tcp', port: 1 } }
  const providers = [{ id: 'docker', kind: 'docker', settings: { pidsLimit: 0, dokcerHost: 'x' } }]
  const templates = [
    { name: 'desk', spec },
    { name: 'desk', spec: odd },
  ]
  expect(keysOf(read(templates, providers))).toEqual([
    'CARREL_PROVIDERS: docker.settings.pidsLimit',
    'CARREL_PROVIDERS: docker.settings.dokcerHost',
    'CARREL_PROVIDERS: docker.networks',
    'CARREL_TEMPLATES_FILE[1].spec.defaultSize',
    'CARREL_TEMPLATES_FILE[1].spec.readiness.port',
    'CARREL_TEMPLATES_FILE[1].name',
  ])
})
