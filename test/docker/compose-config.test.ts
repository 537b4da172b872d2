import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { readConfig } from '../../platform/config.ts'
import { callCompose, findCompose } from '../setup/compose-command.ts'

const variables = {
  COMPOSE_PROJECT_NAME: 'carrelconfig',
  CARREL_DATABASE_PASSWORD: 'c0ffee',
  TEMPORAL_DATABASE_PASSWORD: 'decaf0',
  CARREL_KEYS: `k1:${'A'.repeat(43)}=`,
  CARREL_CONFIGURATION: '/etc/carrel',
  CARREL_SESSIONS_DOMAIN: 'sessions.example.net',
  CARREL_PUBLIC_URL: 'https://carrel.example.org',
  DOCKER_GROUP_ID: '105',
}
const required = Object.keys(variables).filter((name) => name !== 'COMPOSE_PROJECT_NAME')

const compose = await findCompose()
const isCi = ![undefined, '', 'false', '0'].includes(process.env['CI'])
if (compose === null)
  console.warn('!! NOT RUN: there is no docker compose on this machine, so docker-compose.yaml was not checked by it.')

/** With CI set a machine without compose fails here, at the first call. */
const call = async (given: Readonly<Record<string, string>>, files: readonly string[] = []) => {
  if (compose === null) throw new Error('There is no docker compose on this machine.')
  return await callCompose(compose, [...files.flatMap((file) => ['-f', file]), 'config'], given)
}
const leftOut = (name: string) => Object.fromEntries(Object.entries(variables).filter(([key]) => key !== name))

test.skipIf(compose === null && !isCi)(
  'compose takes the file as it is, with every variable in its place',
  async () => {
    const { code, stdout, stderr } = await call(variables)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const { services } = z.object({ services: z.record(z.string(), z.unknown()) }).parse(parse(stdout))
    const names = ['postgres', 'temporal', 'temporal-ui', 'bootstrap', 'api', 'gateway', 'guacd', 'worker-core']
    expect(Object.keys(services)).toEqual(expect.arrayContaining([...names, 'worker-docker']))
    expect(stdout).not.toMatch(/\$\{/)
  },
)

const environments = z.object({
  services: z.record(
    z.string(),
    z.object({
      environment: z.record(z.string(), z.string()).default({}),
      volumes: z.array(z.unknown()).default([]),
      networks: z.record(z.string(), z.unknown()).default({}),
    }),
  ),
})

test.skipIf(compose === null && !isCi)(
  'what compose makes of the file is a configuration that api and gateway take, and they agree on where doors are',
  async () => {
    const doors = { CARREL_TRUSTED_PROXIES: '10.0.0.7/32' }
    const { stdout } = await call({ ...variables, ...doors })
    const { services } = environments.parse(parse(stdout))
    const api = readConfig(['database', 'temporal', 'keys', 'api', 'doors', 'desktops'], services['api']?.environment)
    const { gateway } = readConfig(['database', 'keys', 'gateway', 'desktops'], services['gateway']?.environment)
    expect(gateway.origins).toEqual({ scheme: 'https', domain: 'sessions.example.net', port: null })
    expect(api.doors).toEqual(gateway.origins)
    expect(api.api.publicUrl).toBe(variables.CARREL_PUBLIC_URL)
    expect(gateway.trustedProxies).toEqual(['172.16.254.1/32', '10.0.0.7/32'])
    expect(gateway.guacd).toEqual(['guacd:4822'])
  },
)

test.skipIf(compose === null && !isCi).each([
  ['where callers reach the api', {}, 'https://carrel.example.org/v1/instance-reports'],
  [
    'another way',
    { CARREL_REPORT_URL: 'https://inside.example.org' },
    'https://inside.example.org/v1/instance-reports',
  ],
])('the worker of a provider tells instances to report: %s', async (_, given, url) => {
  const { stdout } = await call({ ...variables, ...given })
  const { services } = environments.parse(parse(stdout))
  const parts = ['database', 'temporal', 'keys', 'worker', 'reports'] as const
  const { reports } = readConfig(parts, services['worker-docker']?.environment)
  expect(reports).toEqual({ apiUrl: variables.CARREL_PUBLIC_URL, url })
})

const besideGuacamole = ['docker-compose.yaml', 'docker-compose.guacamole.yaml']
const guacamole = { CARREL_GUACAMOLE_USERNAME: 'svc-portal', CARREL_GUACAMOLE_PASSWORD: 'c0ffee' }

test.skipIf(compose === null && !isCi)(
  'with the file for a Guacamole there is a worker for it, and api and gateway know that it shows desktops',
  async () => {
    const url = 'https://desks.example.org/guacamole/'
    const { code, stdout } = await call({ ...variables, ...guacamole, CARREL_GUACAMOLE_URL: url }, besideGuacamole)
    expect(code).toBe(0)
    const { services } = environments.parse(parse(stdout))
    const parts = ['database', 'temporal', 'keys', 'worker', 'guacamole'] as const
    const config = readConfig(parts, services['worker-access']?.environment)
    expect(config.worker.roles).toEqual(['access'])
    expect(config.guacamole).toMatchObject({ nodes: [{ publicUrl: url }], username: 'svc-portal' })
    for (const name of ['api', 'gateway'])
      expect(readConfig(['desktops'], services[name]?.environment).desktops).toEqual({ outside: true })
  },
)

test.skipIf(compose === null && !isCi).each(Object.keys(guacamole))('without %s that stops, too', async (name) => {
  const given = Object.fromEntries(Object.entries({ ...variables, ...guacamole }).filter(([key]) => key !== name))
  expect(await call(given, besideGuacamole)).toMatchObject(refusal(name))
})

const furtherProvider = { CARREL_PROVIDER: 'cluster', CARREL_PROVIDER_FILES: '/etc/carrel-cluster' }
const besideProvider = ['docker-compose.yaml', 'docker-compose.provider.yaml']

test.skipIf(compose === null && !isCi)(
  'with the file for a further provider there is a worker for it, which is shown its files alone',
  async () => {
    const { code, stdout } = await call({ ...variables, ...furtherProvider }, besideProvider)
    expect(code).toBe(0)
    const { services } = environments.parse(parse(stdout))
    const { environment, volumes = [], networks = {} } = services['worker-provider'] ?? {}
    expect(readConfig(['database', 'temporal', 'keys', 'worker', 'reports'], environment).worker.roles).toEqual([
      'provider/cluster',
    ])
    expect(JSON.stringify(volumes)).toContain('/etc/carrel-cluster')
    expect([volumes.length, Object.keys(networks).toSorted()]).toEqual([1, ['backend', 'control', 'data', 'metrics']])
  },
)

test.skipIf(compose === null && !isCi).each(Object.keys(furtherProvider))('and without %s it stops', async (name) => {
  const given = Object.fromEntries(Object.entries({ ...variables, ...furtherProvider }).filter(([key]) => key !== name))
  expect(await call(given, besideProvider)).toMatchObject(refusal(name))
})

test.skipIf(compose === null && !isCi)(
  'with the files for people and catalogues api and core are told of them, and each is shown its own directory alone',
  async () => {
    const issuer = 'https://sso.example.org'
    const given = {
      CARREL_RETURN_URLS: 'https://portal.example.org/signed-in',
      CARREL_ISSUERS: JSON.stringify([
        { id: 'sso', name: 'SSO', issuer, clientId: 'c', login: { claim: 'login', authoritative: true } },
      ]),
      CARREL_POSIX_CSV_FILE: '/run/secrets/posix.csv',
      CARREL_API_FILES: '/etc/carrel-api',
      CARREL_CATALOGUE_FILES: '/etc/carrel-catalogues',
      CARREL_CATALOGUES: JSON.stringify([
        {
          id: 'office',
          kind: 'userOffice',
          issuers: [issuer],
          url: 'https://office.example.org/users/$USERNAME',
          username: 'carrel',
          passwordFile: '/run/secrets/office',
        },
      ]),
    }
    const files = ['yaml', 'people.yaml', 'catalogues.yaml'].map((part) => `docker-compose.${part}`)
    const { code, stdout, stderr } = await call({ ...variables, ...quoted(given) }, files)
    expect([code, stderr]).toEqual([0, ''])
    const { services } = environments.parse(parse(stdout))
    // What compose prints may be given to it again, so it doubles the sign of a variable.
    const environmentOf = (name: string) =>
      Object.fromEntries(
        Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [key, value.replaceAll('$$', '$')]),
      )
    const api = readConfig(['issuers', 'posix', 'catalogues'], environmentOf('api'))
    expect(api.issuers.issuers.map(({ id }) => id)).toEqual(['sso'])
    expect(api.posix.csvFile).toBe(given.CARREL_POSIX_CSV_FILE)
    const core = readConfig(['worker', 'catalogues'], environmentOf('worker-core'))
    expect(core.catalogues).toEqual(api.catalogues)
    expect(core.catalogues.sources).toMatchObject([{ url: 'https://office.example.org/users/$USERNAME' }])
    const holders = (directory: string) =>
      Object.keys(services).filter((name) => JSON.stringify(services[name]?.volumes).includes(directory))
    expect(holders('/etc/carrel-api')).toEqual(['api'])
    expect(holders('/etc/carrel-catalogues')).toEqual(['worker-core'])
    expect(services['worker-core']?.networks).toHaveProperty('catalogues')
  },
)

/** As `.env` has them. */
const quoted = (given: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [name, `'${value}'`]))

test.skipIf(compose === null && !isCi).each(required)('without %s compose stops and says so', async (name) => {
  expect(await call(leftOut(name))).toMatchObject(refusal(name))
})

test.skipIf(compose === null && !isCi)('a variable that is empty counts as missing', async () => {
  expect(await call({ ...variables, CARREL_KEYS: '' })).toMatchObject(refusal('CARREL_KEYS'))
})

const refusal = (name: string) => ({
  code: expect.toSatisfy((code: number) => code > 0) as number,
  stdout: '',
  stderr: expect.stringContaining(`${name} must be set, `) as string,
})
