import { randomBytes, randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { readInstallation } from '../../db/installation.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { defaultTimings } from '../../domain/timings.ts'
import type { Timings } from '../../domain/timings.ts'
import { childEnvironment } from '../../platform/config.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createTemporalClient } from '../../platform/temporal/connection.ts'
import { createDataConverter } from '../../platform/temporal/data-converter.ts'
import { bootstrap } from '../../stack/bootstrap-steps.ts'
import { startChild } from '../../stack/child.ts'
import { makePlaces, placesIn, repository } from '../../stack/places.ts'
import { ensureDatabase, startPostgres } from '../../stack/postgres.ts'
import { startTemporal } from '../../stack/temporal.ts'
import { bundleWorkflows } from '../../worker/workflow-bundle.ts'
import { isAnswering } from '../setup/is-answering.ts'
import { addPerson } from '../setup/person.ts'
import { leftInTime } from '../support/leftovers/at.ts'
import type { HeldInstance } from './balance.ts'
import { listInstances } from './balance.ts'
import { openTarget } from './target.ts'
import type { ProofTarget } from './target.ts'
import { watch } from './watched.ts'
import type { Started, Watched } from './watched.ts'

/** Short enough that a proof sees in seconds what follows a kill, and long enough for a busy machine. */
export const proofTimings: Partial<Timings> = {
  databaseTimeoutMs: 2_000,
  databaseRetryMaxMs: 1_000,
  workflowTaskMs: 3_000,
  heartbeatMs: 3_000,
  providerRetryMs: 200,
  providerRetryMaxMs: 1_000,
  observeBusyMs: 300,
  observeIdleMs: 500,
  dispatchEveryMs: 5_000,
}

export interface ProofSiteOptions {
  readonly target: ProofTarget
  /** A second provider, with a template of its own, `beside`. */
  readonly beside?: ProofTarget
  readonly temporalCli: string
  readonly workers: number
  /** The bundled workflows; made here when left out. Workers that are killed often must not bundle at each start. */
  readonly workflowBundle?: string | undefined
  readonly timings?: Partial<Timings>
  /** What the processes print. */
  readonly onLine?: ((process: string, line: string) => void) | undefined
}

const namespace = 'carrel'
const upWithinMs = 120_000

/**
 * A whole installation of the proof's own: Postgres and Temporal with their files, one api, some workers. Each of them may
 * be killed; each is started again, on the same port and the same data.
 */
export async function createProofSite(options: ProofSiteOptions) {
  const { target, beside, temporalCli, workers, workflowBundle, timings = {}, onLine } = options
  const directory = await mkdtemp(join(tmpdir(), 'carrel-proof-'))
  const places = placesIn(directory)
  await makePlaces(places)
  const ports = await freePorts(3 + workers)
  const [postgresPort = 0, temporalPort = 0, apiPort = 0, ...workerPorts] = ports
  const password = randomBytes(12).toString('hex')
  const bundle = workflowBundle ?? join(directory, 'workflows.js')
  const databaseUrl = `postgres://carrel:${password}@127.0.0.1:${postgresPort}/carrel`
  const temporal = { address: `127.0.0.1:${temporalPort}`, namespace }
  const key = randomBytes(32)
  const apiUrl = `http://127.0.0.1:${apiPort}`
  const reportUrl = `http://${target.here ?? '127.0.0.1'}:${apiPort}`
  const lineOf = (name: string) => (line: string) => onLine?.(name, line)
  const processes: Watched[] = []
  const undo: (() => Promise<unknown>)[] = [
    async () => process.env['TEST_KEEP'] ?? (await rm(directory, { recursive: true, force: true, maxRetries: 5 })),
  ]
  const close = async () => {
    for (const step of undo.splice(0).toReversed())
      await step().catch((error: unknown) => console.warn('The proof could not clean up after itself:', error))
  }
  const keep = async (
    name: string,
    start: () => Promise<Started>,
    answers: () => Promise<boolean>,
  ): Promise<Watched> => {
    const watched = watch({ name, start, answers })
    processes.push(watched)
    undo.push(async () => await watched.close())
    await watched.usable(upWithinMs)
    return watched
  }
  const carrel = async (name: string, entry: string, url: string, variables: Readonly<Record<string, string>>) =>
    await keep(
      name,
      async () => {
        const env = childEnvironment({ ...common, ...variables })
        const last: string[] = []
        const onLine_ = (line: string) => {
          lineOf(name)(line)
          last.push(line)
          if (last.length > 5) last.shift()
        }
        const plan = { name, command: process.execPath, args: [entry], cwd: repository, env, onLine: onLine_ }
        const child = await startChild(plan)
        const ended = child.ended.then((how) => ({ ...how, last }))
        // What is proven is that nothing needs an orderly end.
        return { pid: child.pid, ended, stop: async () => await child.kill() }
      },
      async () => await isAnswering(`${url}/readyz`),
    )
  const common = {
    CARREL_ENV: 'development',
    CARREL_LOG_LEVEL: 'warn',
    CARREL_DATABASE_URL: databaseUrl,
    CARREL_TEMPORAL_ADDRESS: temporal.address,
    CARREL_TEMPORAL_NAMESPACE: namespace,
    CARREL_KEYS: `k1:${key.toString('base64')}`,
    CARREL_TIMINGS: JSON.stringify({ ...defaultTimings, ...proofTimings, ...timings }),
    CARREL_WORKFLOW_BUNDLE: bundle,
    CARREL_DIRECT_DOORS: 'true',
    CARREL_RATE_LIMIT_PER_MINUTE: '1000000',
  }

  try {
    const postgres = { directory: places.postgres, port: postgresPort, password, durable: true }
    await keep(
      'postgres',
      async () => {
        const server = await startPostgres({ ...postgres, onLine: lineOf('postgres') })
        await ensureDatabase(server, 'carrel')
        return server
      },
      async () => await Promise.resolve(true),
    )
    const server = { cli: temporalCli, port: temporalPort, databaseFile: places.temporalFile, namespace }
    await keep(
      'temporal',
      async () => await startTemporal({ ...server, onLine: lineOf('temporal') }),
      async () => await Promise.resolve(true),
    )
    const targets = beside === undefined ? [target] : [target, beside]
    const configuration = {
      providers: targets.map(({ provider }) => provider),
      templates: targets.map(({ template }, n) => ({ name: n === 0 ? 'proof' : 'beside', spec: template })),
      quotaDefaults: {},
    }
    await Promise.all([
      bootstrap({ databaseUrl, temporal, configuration, retentionDays: 1 }, () => {}),
      workflowBundle ?? bundleWorkflows().then(async ({ code }) => await writeFile(bundle, code)),
      ...targets.map(async (each) => await each.prepare()),
    ])
    const db = connect({ url: databaseUrl, poolSize: 4, name: 'carrel-proof' })
    undo.push(async () => await db.destroy())
    const client = createTemporalClient(temporal, createDataConverter(createKeyring([{ id: 'k1', secret: key }])))
    undo.push(async () => await client.connection.close())
    const opened = targets.filter(({ outlivesWorkers }) => outlivesWorkers).map(openTarget)
    const known = targets.filter(({ outlivesWorkers }) => !outlivesWorkers).map((each) => each.provider.id)
    const { deploymentId } = await readInstallation(db)
    for (const provider of opened) {
      undo.push(async () => await provider.close())
      // Whatever was found, nothing stays on a machine that is not ours.
      undo.push(async () => {
        for await (const { ref } of provider.list(deploymentId, { signal: AbortSignal.timeout(30_000) }))
          await provider.remove(ref, { signal: AbortSignal.timeout(60_000) })
      })
    }
    const user = await addPerson(db, 'member', target.posix)
    const apiHost = target.here === null ? '127.0.0.1' : '0.0.0.0'
    const api = { CARREL_API_HOST: apiHost, CARREL_API_PORT: String(apiPort), CARREL_PUBLIC_URL: apiUrl }
    await Promise.all([
      carrel('api', 'api/main.ts', apiUrl, api),
      ...workerPorts.map(async (port, n) => {
        const own = { CARREL_METRICS_PORT: String(port), CARREL_REPORT_URL: reportUrl }
        return await carrel(`worker${n + 1}`, 'worker/main.ts', `http://127.0.0.1:${port}`, own)
      }),
    ])

    return {
      db,
      client,
      deploymentId,
      apiUrl,
      user,
      processes,
      /** What the backend holds now; where only the worker knows, what the rows say of it. */
      instances: async (): Promise<HeldInstance[]> => [
        ...(await recordedInstances(db, known)),
        ...(await listInstances(opened, deploymentId)),
      ],
      /** What the backend still has of anything, asked beside the driver; only where all have ended. */
      leftovers: async () => {
        const names = (await db.selectFrom('instance').select('name').execute()).map(({ name }) => name)
        return (await leftInTime(target.provider, deploymentId, undefined, names)) ?? []
      },
      /** Waits until every process can be used. */
      async whole(withinMs = upWithinMs) {
        for (const watched of processes) await watched.usable(withinMs)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
export type ProofSite = Awaited<ReturnType<typeof createProofSite>>

async function recordedInstances(db: Db, providerIds: readonly string[]): Promise<HeldInstance[]> {
  if (providerIds.length === 0) return []
  const rows = await db
    .selectFrom('instance')
    .select(['session_id as sessionId', 'generation', 'name'])
    .where('made_at', 'is not', null)
    .where('removed_at', 'is', null)
    .where('provider_id', 'in', [...providerIds] as ProviderId[])
    .execute()
  return rows
}

/**
 * Ports that stay free while their process is down: below the range from which the kernel, and Docker, give away ports, and
 * from which the process provider does.
 */
async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = randomInt(10_000, 20_000)
    if (await isFree(port)) found.add(port)
  }
  return [...found]
}

const isFree = async (port: number): Promise<boolean> =>
  await new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
