import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { defaultTimings } from '../../domain/timings.ts'
import type { Timings } from '../../domain/timings.ts'
import { freePort } from '../../stack/ports.ts'
import { docker } from '../docker/docker-harness.ts'
import { root } from '../rules/imports.ts'
import { findCompose } from '../setup/compose-command.ts'
import { plainTemplate } from '../setup/template.ts'
import { call } from './call.ts'
import type { CallPlan } from './call.ts'
import { besides, writeFacility } from './facility.ts'

/** Short enough that a trial sees in seconds what an installation sees in minutes. */
const timings: Partial<Timings> = { reconcileEveryMs: 10_000, reconcileGraceMs: 5_000, observeIdleMs: 1_000 }

const perlServer = `
use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { exit 0 };
my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 16, ReuseAddr => 1) or die;
while (my $c = $s->accept) { my $line = <$c>; print $c "HTTP/1.0 200 OK\\r\\nConnection: close\\r\\n\\r\\nhere"; close $c }`
const template = {
  ...plainTemplate,
  title: 'Trial',
  provider: { id: 'docker' },
  image: 'debian:bookworm-slim',
  command: ['perl', '-e', perlServer],
  user: { uid: 1_000, gid: 1_000 },
  sizes: { small: { cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 } },
  doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
  readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
  startLimitSeconds: 900,
}
const services = z.object({ services: z.record(z.string(), z.object({ image: z.string() })) })
const upWithinMs = 300_000

/** The installation of `docker-compose.yaml` under a name of its own, as an operator sets it up. Nothing runs yet. */
export async function createInstallation(say: (line: string) => void) {
  const compose = await findCompose()
  if (compose === null) throw new Error('There is no docker compose: apt-get install docker-compose')
  const [command, ...words] = compose
  const directory = await mkdtemp(join(tmpdir(), 'carrel-production-'))
  const project = `carrelproduction${randomBytes(3).toString('hex')}`
  const octet = 1 + ((randomBytes(1)[0] ?? 0) % 250)
  const doors = `172.16.${octet}`
  const port = await freePort()
  const gatewayPort = await freePort()
  const configuration = join(directory, 'configuration')
  const key = () => randomBytes(32).toString('base64')
  let keys = `k1:${key()}`

  await mkdir(configuration, { mode: 0o755 })
  const settings = {
    publishAddress: `${doors}.1`,
    addressPool: '198.19.0.0/16',
    mountCheck: 'roots',
    stopGraceSeconds: 1,
  }
  const provider = { id: 'docker', kind: 'docker', networks: [`${doors}.1/32`], settings }
  await writeFile(join(configuration, 'providers.json'), JSON.stringify([provider]), { mode: 0o644 })
  await writeFile(join(configuration, 'templates.json'), JSON.stringify([{ name: 'trial', spec: template }]), {
    mode: 0o644,
  })
  const password = { carrel: randomBytes(24).toString('hex'), temporal: randomBytes(24).toString('hex') }
  const facility = await writeFacility(directory)
  const variables = join(directory, 'variables')
  const writeVariables = async () => {
    const all = {
      COMPOSE_PROJECT_NAME: project,
      CARREL_DATABASE_PASSWORD: password.carrel,
      TEMPORAL_DATABASE_PASSWORD: password.temporal,
      CARREL_KEYS: keys,
      ...facility,
      CARREL_PUBLIC_URL: `https://127.0.0.1:${port}`,
      CARREL_API_ADDRESS: `127.0.0.1:${port}`,
      CARREL_SESSIONS_DOMAIN: 'sessions.test',
      CARREL_GATEWAY_ADDRESS: `127.0.0.1:${gatewayPort}`,
      CARREL_TEMPORAL_UI_PORT: String(await freePort()),
      CARREL_CONFIGURATION: configuration,
      CARREL_DOORS_NETWORK: `${doors}.0`,
      CARREL_DOORS_ADDRESS: `${doors}.1`,
      CARREL_TIMINGS: JSON.stringify({ ...defaultTimings, ...timings }),
      CARREL_RATE_LIMIT_PER_MINUTE: '100000',
      DOCKER_GROUP_ID: String((await stat('/var/run/docker.sock')).gid),
    }
    // In quotes, for the sake of documents.
    const lines = Object.entries(all).map(([name, value]) => `${name}='${value}'\n`)
    await writeFile(variables, lines.join(''), { mode: 0o600 })
  }
  await writeVariables()
  const images = join(directory, 'images.json')
  await writeFile(images, JSON.stringify({ version: '3.9', services: {} }))

  const { PATH, HOME, DOCKER_HOST } = process.env
  const files = ['docker-compose.yaml', ...besides, images].flatMap((file) => ['-f', file])
  const run = async (args: readonly string[], plan: CallPlan = {}): Promise<string> =>
    await call(command, [...words, '--env-file', variables, ...files, '-p', project, ...args], {
      cwd: root,
      env: { PATH, HOME, DOCKER_HOST },
      timeoutMs: upWithinMs,
      ...plan,
    })

  /** Every container of the project, by its service, running or not. */
  const containers = async () => {
    const filters = { label: [`com.docker.compose.project=${project}`] }
    const all = await docker.listContainers({ all: true, filters })
    const found = all.map(async ({ Id, Labels }) => {
      const seen = await docker.getContainer(Id).inspect()
      return { service: Labels['com.docker.compose.service'] ?? '', id: Id, seen }
    })
    return await Promise.all(found)
  }

  const untilHealthy = async (names: readonly string[]): Promise<void> => {
    const deadline = Date.now() + upWithinMs
    for (;;) {
      const all = await containers()
      const healths = names.map((name) => all.find(({ service }) => service === name)?.seen.State.Health?.Status)
      if (healths.every((health) => health === 'healthy')) return
      if (Date.now() > deadline)
        throw new Error(
          `Not healthy: ${names.filter((_, i) => healths[i] !== 'healthy').join(', ')}\n${await run(['logs', '--tail=40', ...names])}`,
        )
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }

  const readServices = async () => services.parse(parse(await run(['config']))).services

  /** What SQL answers on one of the two database servers, one line per row. */
  const sql = async (
    service: 'postgres' | 'temporal-postgres',
    database: string,
    statement: string,
  ): Promise<string[]> => {
    const user = service === 'postgres' ? 'carrel' : 'temporal'
    const psql = ['psql', '-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-U', user, '-d', database, '-c', statement]
    return (await run(['exec', '-T', service, ...psql])).split('\n').filter((line) => line !== '')
  }
  let removing: Promise<void> | null = null

  return {
    project,
    apiUrl: `http://127.0.0.1:${port}`,
    gatewayPort,
    run,
    containers,
    untilHealthy,
    directory,
    images: async () => [...new Set(Object.values(await readServices()).map(({ image }) => image))],
    /** Takes other images for those that the file names. */
    async replaceImages(others: ReadonlyMap<string, string>): Promise<void> {
      const all = Object.entries(await readServices()).map(([name, { image }]) => [
        name,
        { image: others.get(image) ?? image },
      ])
      await writeFile(images, JSON.stringify({ version: '3.9', services: Object.fromEntries(all) as unknown }))
    },
    sql,
    /** Changes the keys as `.env` has them; what runs is not touched. */
    async setKeys(change: (keys: string, fresh: string) => string): Promise<void> {
      keys = change(keys, key())
      await writeVariables()
    },
    /** Everything that bears the project's name goes, volumes too, and what is left of its sessions. Repeats are harmless. */
    async remove(): Promise<void> {
      removing ??= (async () => {
        say('taking the installation down')
        const [deploymentId] = await sql('postgres', 'carrel', 'select deployment_id from installation').catch(() => [])
        await run(['down', '--volumes', '--timeout', '60'])
        if (deploymentId !== undefined) await removeSessions(deploymentId)
        await rm(directory, { recursive: true, force: true })
      })()
      await removing
    },
  }
}

async function removeSessions(deploymentId: string): Promise<void> {
  const filters = { label: [`carrel.deployment=${deploymentId}`] }
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).remove({ force: true })
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
}
export type Installation = Awaited<ReturnType<typeof createInstallation>>
