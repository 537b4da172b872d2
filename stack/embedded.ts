import { randomBytes } from 'node:crypto'
import { readConfig } from '../platform/config.ts'
import { bootstrap, type BootstrapPlan } from './bootstrap-steps.ts'
import { readKept, writeKept } from './kept.ts'
import { makeOffer, type Kind, type Offer } from './offer.ts'
import { guacdImage } from './desktop.ts'
import { dockerProviderSettings } from './docker.ts'
import { startGuacd } from './guacd.ts'
import { makePlaces, type Places } from './places.ts'
import { holdPort, type HeldPort } from './ports.ts'
import { ensureDatabase, startPostgres } from './postgres.ts'
import { belowPaths } from './path-doors.ts'
import { makePeople } from './people.ts'
import { logTo, startProcess } from './processes.ts'
import type { Progress } from './progress.ts'
import { startTemporal } from './temporal.ts'
import { obtainTemporal } from './temporal-cli.ts'

export interface EmbeddedPlan {
  readonly places: Places
  readonly progress: Progress
  /** Forces the provider; without it the best one that works here. */
  readonly provider?: Kind | undefined
  /** Offers a desktop, too, and starts what shows it, unless a Guacamole is to. */
  readonly desktop?: boolean | undefined
  /** Doors are paths of one host, for browsers that know no names below `localhost`. */
  readonly pathDoors?: boolean | undefined
  /** Ends a start that is under way; what was started is stopped. */
  readonly signal: AbortSignal
  /** Shows what the processes log, too. */
  readonly show?: ((line: string) => void) | undefined
}

export interface Embedded {
  readonly apiUrl: string
  /** Where doors are answered, on loopback; a door's own name goes in the `Host` header. */
  readonly gatewayPort: number
  readonly adminToken: string
  readonly userToken: string
  readonly temporalAddress: string
  readonly temporalNamespace: string
  readonly temporalUiUrl: string
  readonly postgresUrl: string
  readonly deploymentId: string
  readonly offer: Offer
  readonly pids: Readonly<Record<string, number>>
  /** Fulfilled with the name of a process that ended by itself. */
  readonly broken: Promise<string>
  /** Stops everything, the last started first. Repeats are harmless. */
  stop(): Promise<void>
}

/** What a start ends with that was asked to. */
export const interrupted = new Error('interrupted')

const namespace = 'carrel'
const retentionDays = 7
/** A worker lets its activities finish for 30 s. */
const workerGraceMs = 50_000

/** Brings the whole up on this machine, each step with a progress line. @throws after stopping what was started */
export async function startEmbedded(plan: EmbeddedPlan): Promise<Embedded> {
  const undo: Undo = []
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= stopAll(undo))
  const aborted = new Promise<never>((_resolve, reject) => {
    plan.signal.addEventListener('abort', () => reject(interrupted), { once: true })
  })
  aborted.catch(() => undefined)
  try {
    if (plan.signal.aborted) throw interrupted
    const under = bringUp(plan, undo)
    under.catch(() => undefined)
    return { ...(await Promise.race([under, aborted])), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function stopAll(undo: Undo): Promise<void> {
  for (let last = undo.pop(); last !== undefined; last = undo.pop()) await last().catch(() => undefined)
}

/** What to stop, the last started first. After an interruption, what still starts is stopped at once. */
type Undo = (() => Promise<void>)[]

async function bringUp(plan: EmbeddedPlan, undo: Undo): Promise<Omit<Embedded, 'stop'>> {
  const { places, progress } = plan
  const { tools, stack, desktops } = readConfig(['tools', 'stack', 'desktops'])
  await makePlaces(places)
  const kept = await readKept(places.keptFile)
  const ports = await choosePorts(stack)
  undo.push(async () => void (await Promise.all(Object.values(ports).map((held) => held.release()))))
  const apiUrl = `http://127.0.0.1:${ports.api.port}`
  const capability = randomBytes(32).toString('base64url')
  const lineTo = (name: string) => logTo(places.logs, name, plan.show).onLine
  const started = <T extends Started>(thing: T): T => {
    if (plan.signal.aborted) {
      void thing.stop()
      throw interrupted
    }
    undo.push(() => thing.stop())
    return thing
  }

  const postgres = await progress.step('PostgreSQL', async () => {
    const { postgresPassword: password } = kept
    const options = { directory: places.postgres, port: ports.postgres.port, password, durable: true }
    await ports.postgres.release()
    const server = started(await startPostgres({ ...options, onLine: lineTo('postgres') }))
    await ensureDatabase(server, 'carrel')
    return server
  })
  const temporal = await progress.step('Temporal', async (say) => {
    const cli = await obtainTemporal(
      { named: tools.temporalCliPath, path: tools.path, cacheHome: tools.cacheHome },
      say,
    )
    const uiCodecEndpoint = `${apiUrl}/v1/admin/codec/${capability}`
    const options = { cli, port: ports.temporal.port, uiPort: ports.temporalUi.port, databaseFile: places.temporalFile }
    await Promise.all([ports.temporal.release(), ports.temporalUi.release()])
    return started(await startTemporal({ ...options, namespace, uiCodecEndpoint, onLine: lineTo('temporal') }))
  })
  const offer = await progress.step('notebook', (say) =>
    makeOffer({ ...plan, desktop: plan.desktop === true, wanted: plan.provider, tools, say }).then((made) =>
      plan.pathDoors === true ? belowPaths(made) : made,
    ),
  )
  progress.line(`notebook: ${offer.why}`)
  const postgresUrl = postgres.url('carrel')
  await progress.step('bootstrap', (say) => bootstrap(bootstrapPlan(postgresUrl, temporal.address, offer), say))
  const providers = [...kept.providers.filter(({ id }) => id !== offer.provider.id), keptProvider(offer)]
  const people = await makePeople(postgresUrl, kept, (more) =>
    writeKept(places.keptFile, { ...kept, providers, ...more }),
  )
  undo.push(people.revoke)

  const variables = {
    CARREL_ENV: 'development',
    CARREL_DATABASE_URL: postgresUrl,
    CARREL_TEMPORAL_ADDRESS: temporal.address,
    CARREL_TEMPORAL_NAMESPACE: namespace,
    CARREL_TEMPORAL_UI_URL: temporal.uiUrl,
    CARREL_KEYS: kept.keys,
    CARREL_PROVIDERS: JSON.stringify([offer.provider]),
    CARREL_PROVIDERS_FILE: undefined,
    CARREL_DOORS_BY_PATH: String(plan.pathDoors === true),
  }
  const guacd =
    offer.desktop === null || desktops.outside
      ? null
      : await progress.step('guacd', async (say) => {
          const docker = { settings: dockerProviderSettings(tools.docker), image: guacdImage.tag }
          await ports.guacd.release()
          const running = started(
            await startGuacd({ path: tools.path, port: ports.guacd.port, docker, onLine: lineTo('guacd') }),
          )
          say(running.how)
          return running
        })
  const own = (name: 'api' | 'worker' | 'gateway', more: Record<string, string>, graceMs?: number) =>
    progress.step(name, async () => {
      const url = `http://127.0.0.1:${ports[name].port}`
      await Promise.all([ports[name].release(), name === 'gateway' ? ports.doors.release() : undefined])
      const plans = { name, entry: `${name}/main.ts`, variables: { ...variables, ...more }, logs: places.logs }
      const { child, ready } = await startProcess({ ...plans, readyUrl: `${url}/readyz`, show: plan.show })
      started({ stop: () => child.stop(graceMs) })
      await ready
      return child
    })
  const api = await own('api', {
    CARREL_API_HOST: '127.0.0.1',
    CARREL_API_PORT: String(ports.api.port),
    CARREL_PUBLIC_URL: apiUrl,
    CARREL_CODEC_CAPABILITY: capability,
    CARREL_GATEWAY_PORT: String(ports.doors.port),
  })
  const [worker, gateway] = await Promise.all([
    own(
      'worker',
      {
        CARREL_METRICS_PORT: String(ports.worker.port),
        CARREL_PUBLIC_URL: apiUrl,
        ...(desktops.outside ? { CARREL_WORKER_ROLES: 'core,provider/*,access' } : {}),
      },
      workerGraceMs,
    ),
    own('gateway', {
      CARREL_GATEWAY_PORT: String(ports.doors.port),
      CARREL_METRICS_PORT: String(ports.gateway.port),
      CARREL_PUBLIC_URL: apiUrl,
      ...(guacd === null ? {} : { CARREL_GUACD: guacd.address }),
    }),
  ])

  const processes = { postgres, temporal, api, worker, gateway }
  return {
    apiUrl,
    gatewayPort: ports.doors.port,
    adminToken: people.admin.token,
    userToken: people.user.token,
    temporalAddress: temporal.address,
    temporalNamespace: namespace,
    temporalUiUrl: temporal.uiUrl ?? '',
    postgresUrl,
    deploymentId: people.deploymentId,
    offer,
    pids: Object.fromEntries(Object.entries(processes).map(([name, { pid }]) => [name, pid])),
    broken: Promise.race(Object.entries(processes).map(([name, { ended }]) => ended.then(() => name))),
  }
}

/** What a later `--fresh` needs to find what this installation made. */
const keptProvider = ({ provider: { id, kind, networks, settings } }: Offer) => ({
  id,
  kind,
  networks: [...networks],
  settings: { ...settings },
})

interface Started {
  stop(): Promise<void>
}

/** A port that was named is taken as it is; every other is held until its process starts. */
const named = (port: number): HeldPort => ({ port, release: () => Promise.resolve() })

async function choosePorts(stack: { apiPort: number | undefined; temporalUiPort: number | undefined }) {
  const choose = (port: number | undefined) => (port === undefined ? holdPort() : named(port))
  const [postgres, temporal, worker] = await Promise.all([holdPort(), holdPort(), holdPort()])
  // `gateway` is where it says how it is, `doors` where it serves.
  const [gateway, doors, guacd] = await Promise.all([holdPort(), holdPort(), holdPort()])
  const [api, temporalUi] = await Promise.all([choose(stack.apiPort), choose(stack.temporalUiPort)])
  return { postgres, temporal, worker, gateway, doors, guacd, api, temporalUi }
}

function bootstrapPlan(databaseUrl: string, address: string, { provider, template, desktop }: Offer): BootstrapPlan {
  const templates = [template, ...(desktop === null ? [] : [desktop])]
  const configuration = { providers: [provider], templates, quotaDefaults: {} }
  return { databaseUrl, temporal: { address, namespace }, configuration, retentionDays }
}
