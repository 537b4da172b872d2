import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { childEnvironment, ConfigInvalid, readConfig, type Part } from '../../../platform/config.ts'

const key = (id: string, byte = 1) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`
const directory = mkdtempSync(join(tmpdir(), 'carrel-config-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function faultsOf(parts: readonly Part[], env: Record<string, string>): string[] {
  try {
    readConfig(parts, env)
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.faults.map((fault) => `${fault.key} ${fault.expected}`)
    throw error
  }
  return []
}

test('a process reads only the parts that it needs, with defaults', () => {
  const config = readConfig(['api'], { CARREL_API_PORT: '9000' })
  expect(config.api.publicUrl).toBe('http://127.0.0.1:9000')
  expect(config.environment).toBe('production')
  expect('database' in config).toBe(false)
})

test('every fault of every part is listed at once, with key and expectation, and without the value', () => {
  const env = {
    CARREL_ENV: 'prod',
    CARREL_DATABASE_URL: 'mysql://root:hunter2@db/x',
    CARREL_KEYS: 'k1:hunter2',
    CARREL_API_PORT: '70000',
  }
  const faults = faultsOf(['database', 'temporal', 'keys', 'api'], env)
  expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
    'CARREL_ENV',
    'CARREL_DATABASE_URL',
    'CARREL_TEMPORAL_ADDRESS',
    'CARREL_KEYS',
    'CARREL_API_PORT',
  ])
  expect(faults[1]).toContain('postgres://user:password@host:port/database')
  expect(faults.join('\n')).not.toContain('hunter2')
  expect(() => readConfig(['database', 'temporal'], {})).toThrow(
    /CARREL_DATABASE_URL is required[^]*CARREL_TEMPORAL_ADDRESS is required/,
  )
})

test('an empty variable counts as absent', () => {
  expect(
    readConfig(['temporal'], { CARREL_TEMPORAL_ADDRESS: 'a:1', CARREL_TEMPORAL_NAMESPACE: '' }).temporal.namespace,
  ).toBe('carrel')
})

test('the configuration is frozen all the way down', () => {
  const config = readConfig(['providers'], { CARREL_PROVIDERS: JSON.stringify([{ id: 'docker', kind: 'docker' }]) })
  expect(config.providers[0]).toEqual({ id: 'docker', kind: 'docker', startLimit: 4, networks: [], settings: {} })
  expect(() => Object.assign(config.providers[0]!, { id: 'other' })).toThrow(TypeError)
})

test('keys: the first is the current one, and no id appears twice', () => {
  expect(readConfig(['keys'], { CARREL_KEYS: `${key('k2', 2)},${key('k1')}` }).keys.map((k) => k.id)).toEqual([
    'k2',
    'k1',
  ])
  expect(faultsOf(['keys'], { CARREL_KEYS: `${key('k1')},${key('k1', 2)}` })).toEqual([
    'CARREL_KEYS must not name a key id twice',
  ])
  expect(faultsOf(['keys'], { CARREL_KEYS: 'k1:c2hvcnQ=' })).toHaveLength(1)
})

test('a fault inside a document is named with its place', () => {
  const providers = [{ id: 'docker', kind: 'docker', networks: ['10.0.0.0/8', 'everywhere'] }]
  expect(faultsOf(['providers'], { CARREL_PROVIDERS: JSON.stringify(providers) })[0]).toMatch(
    /^CARREL_PROVIDERS\[0\]\.networks\[1\] must be a network/,
  )
  expect(faultsOf(['providers'], { CARREL_PROVIDERS: '[' })).toEqual(['CARREL_PROVIDERS must be JSON'])
})

test('providers come from a file too, but not from both', () => {
  const file = join(directory, 'providers.json')
  writeFileSync(file, JSON.stringify([{ id: 'docker', kind: 'docker' }]))
  expect(readConfig(['providers'], { CARREL_PROVIDERS_FILE: file }).providers).toHaveLength(1)
  expect(faultsOf(['providers'], { CARREL_PROVIDERS_FILE: join(directory, 'none.json') })[0]).toContain('readable file')
  expect(faultsOf(['providers'], { CARREL_PROVIDERS_FILE: file, CARREL_PROVIDERS: '[]' })[0]).toContain('together')
})

test('process refuses outside development unless named, and says why', () => {
  const CARREL_PROVIDERS = JSON.stringify([{ id: 'local', kind: 'process' }])
  expect(faultsOf(['providers'], { CARREL_PROVIDERS })[0]).toMatch(
    /^CARREL_WEAK_ISOLATION_ALLOWED must name local .* share the host's kernel/,
  )
  expect(faultsOf(['providers'], { CARREL_PROVIDERS, CARREL_WEAK_ISOLATION_ALLOWED: 'other' })).toHaveLength(1)
  expect(faultsOf(['providers'], { CARREL_PROVIDERS, CARREL_WEAK_ISOLATION_ALLOWED: 'local' })).toEqual([])
  expect(faultsOf(['providers'], { CARREL_PROVIDERS, CARREL_ENV: 'development' })).toEqual([])
})

test('docker refuses outside development what it cannot enforce, unless named', () => {
  const settings = { egressEnforcement: 'best_effort' }
  const CARREL_PROVIDERS = JSON.stringify([{ id: 'docker', kind: 'docker', settings }])
  expect(faultsOf(['providers'], { CARREL_PROVIDERS })[0]).toContain('best_effort')
  expect(faultsOf(['providers'], { CARREL_PROVIDERS, CARREL_WEAK_ISOLATION_ALLOWED: 'docker' })).toEqual([])
})

test('direct doors exist in development only', () => {
  expect(faultsOf(['api'], { CARREL_DIRECT_DOORS: 'true' })).toEqual([
    'CARREL_DIRECT_DOORS must be false outside development',
  ])
})

test('whoever hands over is named outside development: what keeps its sessions apart is somebody else’s', () => {
  const CARREL_PROVIDERS = JSON.stringify([{ id: 'desks', kind: 'handover', settings: { provisioner: 'a1' } }])
  expect(faultsOf(['providers'], { CARREL_PROVIDERS })[0]).toMatch(/must name desks .* provisioner/)
  expect(faultsOf(['providers'], { CARREL_PROVIDERS, CARREL_WEAK_ISOLATION_ALLOWED: 'desks' })).toEqual([])
})

test('origins are exact: no path, no trailing slash', () => {
  expect(
    readConfig(['api'], { CARREL_CORS_ORIGINS: 'https://a.example, https://b.example:8443' }).api.corsOrigins,
  ).toHaveLength(2)
  for (const wrong of ['https://a.example/', 'https://a.example/x', '*', 'https://a.example:443'])
    expect(faultsOf(['api'], { CARREL_CORS_ORIGINS: wrong }), wrong).toHaveLength(1)
})

test('a misspelt variable of ours is noticed', () => {
  expect(readConfig([], { CARREL_KEYZ: 'x', PATH: '/bin', CARREL_KEYS: 'known' }).unknownKeys).toEqual(['CARREL_KEYZ'])
})

test("a child's environment holds none of our own variables but those given", () => {
  const env = childEnvironment({ CARREL_ENV: 'development', GONE: undefined })
  expect(Object.keys(env).filter((name) => name.startsWith('CARREL_'))).toEqual(['CARREL_ENV'])
  expect(env['PATH']).toBe(process.env['PATH'])
  expect('GONE' in env).toBe(false)
})

test("the machine's proxies are passed on as they are named, and no others", () => {
  const { tools } = readConfig(['tools'], { http_proxy: 'http://proxy:3128', NO_PROXY: 'localhost', PROXY: 'other' })
  expect(tools.proxies).toEqual({ http_proxy: 'http://proxy:3128', NO_PROXY: 'localhost' })
})
