import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { abilitiesOf } from '../../domain/placement.ts'
import type { ProviderConfig } from '../../platform/config.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { parts } from '../proof/parts.ts'
import { localProvider, nameOf, proofTarget } from '../proof/target.ts'
import { templateIn } from '../proof/template-file.ts'
import { tellTarget, toldTarget } from '../proof/told-target.ts'
import { plainTemplate } from '../setup/template.ts'

afterEach(() => vi.unstubAllEnvs())

const lab: ProviderConfig = {
  id: 'lab',
  kind: 'docker',
  startLimit: 2,
  networks: ['10.0.0.0/8'],
  settings: { dockerHost: 'tcp://10.0.0.5:2376', certPath: '/etc/carrel/lab' },
}
// A kind for which the proof has nothing to run.
const cluster = { ...lab, id: 'cluster', kind: 'slurm' } as unknown as ProviderConfig

test('a target is its provider as configured, with a web server that the proof brings or the operator names', () => {
  const target = proofTarget({ provider: lab, directory: '', image: 'own/perl:1' })
  expect(target.provider).toEqual(lab)
  expect(target.template).toMatchObject({ provider: { id: 'lab' }, image: 'own/perl:1' })
  const named = proofTarget({ provider: lab, directory: '', template: { ...plainTemplate, image: 'nginx:1' } })
  expect(named.template).toMatchObject({ provider: { id: 'lab' }, image: 'nginx:1' })
  expect([nameOf(target), nameOf(proofTarget({ provider: localProvider('fake'), directory: '' }))]).toEqual([
    'lab (docker)',
    'fake',
  ])
})

test('what it brings for Kubernetes can be paused there: it has a workspace, of a size that has a disk', () => {
  const { template } = proofTarget({ provider: { ...lab, kind: 'kubernetes' }, directory: '' })
  const capabilities = { ...createFakeProvider({ backend: createFakeBackend() }).capabilities, pause: true }
  expect(abilitiesOf(template, { kind: 'kubernetes', capabilities }).pause).toBe(true)
  expect(template.sizes[template.defaultSize]?.diskMib).toBeGreaterThan(0)
})

test('of a kind for which the proof has nothing to run, its operator says what', () => {
  expect(() => proofTarget({ provider: cluster, directory: '' })).toThrow('name its template')
  expect(proofTarget({ provider: cluster, directory: '', template: plainTemplate }).template).toMatchObject({
    provider: { id: 'cluster' },
  })
})

test('a template that nobody could start or look into as it is does not fit', () => {
  const of = (more: Partial<typeof plainTemplate>) => () =>
    proofTarget({ provider: lab, directory: '', template: { ...plainTemplate, ...more } })
  const web = { protocol: 'http', port: 80, modes: ['control'] } as const
  expect(of({ doors: { desk: web } })).toThrow('it needs a door web')
  expect(of({ doors: { web: { ...web, secret: { header: 'x-token', value: '{secret}' } } } })).toThrow(
    'without a secret',
  )
  expect(of({ parameters: { branch: { type: 'string' } } })).toThrow('its parameter branch')
  expect(of({ parameters: { branch: { type: 'string', default: 'main' } } })).not.toThrow()
  expect(of({ user: 'account' })).toThrow('nobody said as whom')
  const posix = { user: 'ada', uid: 2_001, gid: 2_001, gids: [] }
  const template = { ...plainTemplate, user: 'account' } as const
  expect(proofTarget({ provider: lab, directory: '', template, posix })).toMatchObject({ posix, here: null })
})

test('tests are told the same target, by a file that nobody else reads', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'carrel-target-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  expect(toldTarget()).toBeNull()
  const target = proofTarget({ provider: lab, directory, image: 'own/perl:1' })
  const variables = await tellTarget(join(directory, 'target.json'), target)
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  const told = toldTarget()
  expect(told?.provider).toEqual(target.provider)
  expect(told?.template).toEqual(target.template)
  expect(statSync(join(directory, 'target.json')).mode & 0o777).toBe(0o600)
  expect(Object.values(variables).join()).not.toContain('/etc/carrel/lab')
  expect(readFileSync(join(directory, 'target.json'), 'utf8')).toContain('/etc/carrel/lab')
})

test('each part says what it runs on, and where it shows nothing', async () => {
  const target = proofTarget({ provider: lab, directory: '' })
  const on = parts.map((part) => `${part.name}: ${part.on(target)}`)
  expect(on).toEqual([
    'faults: a provider in memory',
    'faults: lab (docker)',
    'faults: lab (docker)',
    'bounds: lab (docker)',
    'sweep: a model',
    'sweep: lab (docker)',
    'kill: lab (docker)',
    'outage: lab (docker), beside one in memory',
    'upgrade: lab (docker)',
    'cut: a notebook and a desktop of its own',
    'invitations: a mail server in memory',
  ])
  const memory = proofTarget({ provider: localProvider('fake'), directory: '' })
  const run = {
    target: memory,
    seed: 1,
    durationMs: 1,
    temporalCli: '',
    signal: new AbortController().signal,
    say: () => {},
  }
  const leftOut = await Promise.all([1, 2, 5].map(async (n) => await parts[n]?.run(run)))
  expect(leftOut.map((outcome) => outcome?.notes)).toEqual([
    ['left out: a provider in memory has been tried already'],
    ['left out: a provider in memory has been tried already'],
    ['left out: what is in the memory of one worker is in no list of another'],
  ])
})

test('a file that holds no template is told with what is wrong in it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'carrel-template-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'desk.json')
  await expect(templateIn(file)).rejects.toThrow(`${file} is none`)
  writeFileSync(file, '{"title":')
  await expect(templateIn(file)).rejects.toThrow(`${file} holds no JSON`)
  writeFileSync(file, JSON.stringify({ ...plainTemplate, provider: 'lab', user: 'ada' }))
  await expect(templateIn(file)).rejects.toThrow(/provider Expected .*"kind".*\n.*user Expected "account"/)
  writeFileSync(file, JSON.stringify(plainTemplate))
  expect(await templateIn(file)).toMatchObject({ image: plainTemplate.image })
})
