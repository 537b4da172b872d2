import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { readConfig } from '../../platform/config.ts'
import { basePart, parts } from '../../platform/config/parts.ts'
import { root } from '../rules/imports.ts'

const service = z.object({
  image: z.string(),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  privileged: z.boolean().optional(),
  cap_drop: z.array(z.string()).default([]),
  cap_add: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  networks: z.array(z.string()),
  network_mode: z.string().optional(),
  command: z.array(z.string()).optional(),
  stop_grace_period: z.string().optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ disable: z.boolean().optional(), test: z.array(z.string()).optional() }).optional(),
})
const compose = z.object({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional() })),
})

const text = readFileSync(join(root, 'docker-compose.yaml'), 'utf8')
const { services, networks } = compose.parse(parse(text, { merge: true }))
const textBeside = (part: string) => readFileSync(join(root, `docker-compose.${part}.yaml`), 'utf8')
/** The worker that a file adds which is used beside it. */
const workerBeside = (part: string, name: string) =>
  z
    .object({ services: z.looseObject({ [name]: service }) })
    .transform(({ services: its }) => service.parse(its[name]))
    .parse(parse(textBeside(part)))
/** Where a Guacamole shows desktops; where sessions run on another backend. */
const access = workerBeside('guacamole', 'worker-access')
const further = workerBeside('provider', 'worker-provider')
const all = Object.entries({ ...services, 'worker-access': access, 'worker-provider': further })
const named = (wanted: (one: z.output<typeof service>, name: string) => boolean) =>
  all.filter(([name, one]) => wanted(one, name)).map(([name]) => name)

/** Those that others wait for until they have ended. */
const jobs = new Set(
  all.flatMap(([, { depends_on }]) =>
    Object.entries(depends_on)
      .filter(([, { condition }]) => condition === 'service_completed_successfully')
      .map(([name]) => name),
  ),
)

test('no secret has a default, and a missing one is named', () => {
  const secrets = all.flatMap(([, { environment }]) =>
    Object.entries(environment).filter(([key]) => /PASSWORD|PWD|SECRET|TOKEN$|CARREL_KEYS|DATABASE_URL/.test(key)),
  )
  expect(secrets.length).toBeGreaterThan(5)
  for (const [key, value] of secrets) {
    const variable = /^(?:postgres:\/\/carrel:)?\$\{([A-Z_]+):\?\1 must be set, [^}]+\}(?:@postgres:5432\/carrel)?$/
    expect(value, key).toMatch(variable)
  }
  for (const [, variable, message] of text.matchAll(/\$\{([A-Z_]+):?\?([^}]*)\}/g))
    expect(message).toMatch(new RegExp(`^${variable ?? ''} must be set, `))
  expect(text).not.toMatch(/\$\{[A-Z_]*(?:PASSWORD|KEYS)(?::?-|\})/)
})

test.each(all)('%s has no root, no capabilities, and writes nowhere but where it must', (_name, one) => {
  expect(one.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(one.read_only).toBe(true)
  expect(one.cap_drop).toEqual(['ALL'])
  expect(one.cap_add).toEqual([])
  expect(one.security_opt).toContain('no-new-privileges:true')
  expect([one.privileged, one.network_mode]).toEqual([undefined, undefined])
  expect(one.image).toMatch(/^[a-z/-]+:\d+(\.\d+)+(-[a-z]+)?$/)
})

test('whatever stays up has a health check', () => {
  const unwatched = named(({ healthcheck }, name) => !jobs.has(name) && healthcheck?.test?.[0] !== 'CMD')
  expect(unwatched).toEqual([])
})

test("only the worker for Docker sees Docker's socket", () => {
  const holders = named((one) => JSON.stringify(one).includes('docker.sock'))
  expect(holders).toEqual(['worker-docker'])
  expect(services['worker-docker']?.environment['CARREL_WORKER_ROLES']).toBe('provider/docker')
  expect(services['worker-core']?.environment['CARREL_WORKER_ROLES']).toBe('core')
})

const confinement = ({
  image,
  user,
  read_only,
  cap_drop,
  security_opt,
  tmpfs,
  healthcheck,
  stop_grace_period,
}: typeof access) => ({ image, user, read_only, cap_drop, security_opt, tmpfs, healthcheck, stop_grace_period })
const core = service.parse(services['worker-core'])

test('the worker of a further provider is confined like every worker, told what that for Docker is, and alone sees its files', () => {
  expect(confinement(further)).toEqual(confinement(core))
  expect([further.networks, further.ports]).toEqual([['backend', 'control', 'data', 'metrics'], []])
  expect(further.volumes).toEqual([expect.stringMatching(/^\$\{CARREL_PROVIDER_FILES:\?[^}]+\}:\/run\/secrets:ro$/)])
  expect(further.environment['CARREL_WORKER_ROLES']).toMatch(/^provider\/\$\{CARREL_PROVIDER:\?/)
  const told = { ...further.environment, CARREL_WORKER_ROLES: 'provider/docker' }
  expect(told).toEqual(services['worker-docker']?.environment)
})

test('what opens doors at a Guacamole is confined like every worker, and alone knows the way there and its account', () => {
  expect(confinement(access)).toEqual(confinement(core))
  expect([access.networks, access.ports, access.volumes]).toEqual([['control', 'data', 'guacamole', 'metrics'], [], []])
  expect(named((one) => JSON.stringify(one).includes('CARREL_GUACAMOLE'))).toEqual(['worker-access'])
})

test('Temporal and the databases are on inner networks alone, apart from each other, and unpublished', () => {
  expect(['control', 'data', 'metrics'].filter((name) => networks[name]?.internal !== true)).toEqual([])
  expect(services['temporal']?.networks).toEqual(['control'])
  expect(services['temporal-postgres']?.networks).toEqual(['control'])
  expect(services['postgres']?.networks).toEqual(['data'])
  expect(named(({ ports }) => ports.length > 0)).toEqual(['temporal-ui', 'api', 'gateway'])
})

test('the gateway is near the database and the desktops alone, and guacd near the gateway alone', () => {
  const { gateway, guacd } = services
  expect(gateway?.networks).toEqual(['data', 'doors', 'front', 'guacd', 'metrics'])
  expect(gateway?.volumes).toEqual([])
  expect(JSON.stringify(gateway)).not.toMatch(/temporal/i)
  expect([guacd?.networks, guacd?.volumes, guacd?.ports]).toEqual([['guacd'], [], []])
  expect(named(({ networks: on }) => on.includes('guacd'))).toEqual(['gateway', 'guacd'])
  expect(named(({ networks: on }) => on.includes('doors'))).toEqual(['gateway', 'worker-docker'])
  // Ports are published from the first by name that leads out; who comes by them has the machine's address there.
  const leadingOut = gateway?.networks.filter((name) => networks[name]?.internal !== true).toSorted() ?? []
  expect(leadingOut[0]).toBe('doors')
  expect(gateway?.environment['CARREL_TRUSTED_PROXIES']).toMatch(/^\$\{CARREL_DOORS_ADDRESS:-[\d.]+\}\/32,/)
})

test('who makes addresses of doors and who answers there are told the same', () => {
  const about = (name: string) =>
    Object.entries(services[name]?.environment ?? {}).filter(([key]) =>
      /^CARREL_(PUBLIC_URL|SESSIONS_DOMAIN|GATEWAY_PUBLIC_|DESKTOP_GATEWAY)/.test(key),
    )
  expect(about('api').length).toBe(4)
  expect(about('api')).toEqual(about('gateway'))
})

test('each worker of a provider is told where instances report, and whoever leads to sessions where the api is', () => {
  const ofProviders = named(({ environment }) => environment['CARREL_WORKER_ROLES']?.startsWith('provider/') === true)
  expect(ofProviders).toEqual(['worker-docker', 'worker-provider'])
  for (const [name, { environment }] of all)
    if (ofProviders.includes(name)) expect(environment['CARREL_REPORT_URL'], name).toBe('${CARREL_REPORT_URL:-}')
  const publicUrl = services['api']?.environment['CARREL_PUBLIC_URL']
  expect(publicUrl).toMatch(/^\$\{CARREL_PUBLIC_URL:\?/)
  const leading = all.filter(([name]) => [...ofProviders, 'gateway', 'worker-access'].includes(name))
  expect(leading.length).toBe(4)
  for (const [name, { environment }] of leading) expect(environment['CARREL_PUBLIC_URL'], name).toBe(publicUrl)
})

const additions = z.object({
  services: z.record(z.string(), service.pick({ environment: true, volumes: true }).partial().loose()),
})

test('each process is told what it reads, and secrets about people no other than the one that needs them', () => {
  const readBy = (file: string) => {
    const [, names = ''] = /readConfig\(\[([^\]]+)\]\)/.exec(readFileSync(join(root, file), 'utf8')) ?? []
    // The source names parts alone: the types see to it.
    const asked = [...names.matchAll(/'(\w+)'/g)].map(([, name]) => parts[name as keyof typeof parts])
    expect(asked.length).toBeGreaterThan(3)
    return new Set([basePart, ...asked].flatMap((part) => Object.keys(part.in.shape)))
  }
  const worker = readBy('worker/process.ts')
  const reads: Readonly<Record<string, ReadonlySet<string>>> = {
    api: readBy('api/main.ts'),
    gateway: readBy('gateway/main.ts'),
    bootstrap: readBy('stack/bootstrap.ts'),
    'worker-core': worker,
    'worker-docker': worker,
    'worker-access': worker,
    'worker-mail': worker,
    'worker-provider': worker,
  }
  const files = ['people', 'catalogues', 'mail', 'guacamole', 'provider'].map((part) =>
    additions.parse(parse(textBeside(part), { merge: true })),
  )
  const told = [{ services }, ...files].flatMap((file) =>
    Object.entries(file.services).map(([name, one]) => ({ name, ...one })),
  )
  for (const { name, environment = {} } of told)
    if (reads[name] !== undefined)
      expect([name, Object.keys(environment).filter((key) => reads[name]?.has(key) === false)]).toEqual([name, []])
  const toldTo = (pattern: RegExp) =>
    [
      ...new Set(
        told
          .filter((one) => Object.keys(one.environment ?? {}).some((key) => pattern.test(key)))
          .map((one) => one.name),
      ),
    ].toSorted()
  expect(toldTo(/^CARREL_(ISSUERS|USER_OFFICE|POSIX_LDAP|POSIX_CSV|RETURN_URLS|INVITATIONS_PER)/)).toEqual(['api'])
  expect(toldTo(/^CARREL_(SMTP|MAIL)/)).toEqual(['worker-mail'])
  expect(toldTo(/^CARREL_CATALOGUE/)).toEqual(['api', 'worker-core'])
  const shown = files.flatMap((file) =>
    Object.entries(file.services).flatMap(([name, { volumes = [] }]) => volumes.map((volume) => `${name} ${volume}`)),
  )
  expect(shown).toEqual([
    expect.stringMatching(/^api \$\{CARREL_API_FILES:\?[^}]+\}:\/run\/secrets:ro$/),
    expect.stringMatching(/^worker-core \$\{CARREL_CATALOGUE_FILES:\?[^}]+\}:\/run\/secrets:ro$/),
    expect.stringMatching(/^worker-provider \$\{CARREL_PROVIDER_FILES:/),
  ])
})

test('no default is within another, which the older compose takes for text', () => {
  expect(text).not.toMatch(/\$\{[A-Z_]+:[-?][^}]*\$\{/)
})

test('what is published is on loopback unless api or gateway are told otherwise', () => {
  expect(services['temporal-ui']?.ports).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)])
  expect(services['api']?.ports).toEqual([expect.stringMatching(/^\$\{CARREL_API_ADDRESS:-127\.0\.0\.1:8080\}:8080$/)])
  const doors = /^\$\{CARREL_GATEWAY_ADDRESS:-127\.0\.0\.1:8090\}:8090$/
  expect(services['gateway']?.ports).toEqual([expect.stringMatching(doors)])
})

test('one job migrates, and every process of Carrel waits until it is done', () => {
  expect(named(({ command }) => command?.includes('stack/bootstrap.ts') === true)).toEqual(['bootstrap'])
  const processes = named(({ image }, name) => image.startsWith('carrel:') && name !== 'bootstrap')
  expect(processes).toEqual(['api', 'gateway', 'worker-core', 'worker-docker', 'worker-access', 'worker-provider'])
  const others = ['gateway', 'worker-core', 'worker-docker']
  const after = { bootstrap: { condition: 'service_completed_successfully' } }
  for (const name of others) expect(services[name]?.depends_on).toEqual(after)
  for (const { depends_on } of [access, further]) expect(depends_on).toEqual(after)
  // The order of an upgrade: docs/upgrades.md.
  const started = Object.fromEntries(others.map((name) => [name, { condition: 'service_started' }]))
  expect(services['api']?.depends_on).toEqual({ ...after, ...started })
  expect(Object.keys(services['bootstrap']?.depends_on ?? {})).toEqual(['postgres', 'temporal'])
})

test('every process is given the time to end that it may need', () => {
  const seconds = (name: string) => Number.parseInt(services[name]?.stop_grace_period ?? '0', 10)
  const longest = 60_000
  expect(() => readConfig(['api'], { CARREL_DRAIN_MS: String(longest + 1) })).toThrow('CARREL_DRAIN_MS')
  expect(seconds('api')).toBeGreaterThanOrEqual(longest / 1_000 + 25)
  // Its downloads may finish within 30 s, and it gives up 10 s after that.
  expect(seconds('gateway')).toBeGreaterThanOrEqual(longest / 1_000 + 45)
  for (const name of ['worker-core', 'worker-docker']) expect(seconds(name)).toBeGreaterThanOrEqual(45)
})

test('workflows are bundled when the image is built, for no process may write where it could run what it wrote', () => {
  const image = readFileSync(join(root, 'Dockerfile'), 'utf8')
  const written = /node worker\/bundle\.ts (\S+)/.exec(image)?.[1]
  expect(/^ENV CARREL_WORKFLOW_BUNDLE=\/opt\/carrel\/(\S+)$/m.exec(image)?.[1]).toBe(written)
  expect(image.indexOf('node worker/bundle.ts')).toBeGreaterThan(image.indexOf('COPY . .'))
  const ours = all.filter(([, one]) => one.image.startsWith('carrel:'))
  for (const [, one] of ours) expect(one.tmpfs).toEqual(['/tmp:size=64m,mode=1777,noexec,nosuid,nodev'])
})
