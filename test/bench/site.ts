import { randomBytes } from 'node:crypto'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import type { Configuration } from '../../db/bootstrap.ts'
import { readInstallation } from '../../db/installation.ts'
import { bootstrap } from '../../stack/bootstrap-steps.ts'
import { freePort } from '../../stack/ports.ts'
import { startProcess } from '../../stack/processes.ts'
import { addPerson } from '../setup/person.ts'
import type { Ground } from './ground.ts'

/** An installation of its own on the shared servers, with the timings that Carrel ships with. */
export interface Site {
  readonly url: string
  readonly db: Db
  readonly databaseUrl: string
  readonly namespace: string
  readonly deploymentId: string
  readonly user: { readonly accountId: string; readonly token: string }
  readonly pids: { readonly api: number; readonly worker: number | null }
  close(): Promise<void>
}

interface Plan {
  readonly configuration: Configuration
  readonly worker?: boolean
  /** A free one unless others must know it before. */
  readonly apiPort?: number
  readonly apiVariables?: Readonly<Record<string, string>>
}

/** A worker lets its activities finish for 30 s. */
const workerGraceMs = 50_000

export async function createSite(
  { createDatabase, temporalAddress, places, progress }: Ground,
  { configuration, worker = true, apiPort, apiVariables = {} }: Plan,
): Promise<Site> {
  const databaseUrl = await createDatabase()
  const namespace = `b${randomBytes(6).toString('hex')}`
  const temporal = { address: temporalAddress, namespace }
  await bootstrap({ databaseUrl, temporal, configuration, retentionDays: 1 }, progress.now)
  const db = connect({ url: databaseUrl, poolSize: 10, name: 'carrel-bench' })
  const undo: (() => Promise<void>)[] = [() => db.destroy()]
  const close = async () => {
    for (let last = undo.pop(); last !== undefined; last = undo.pop()) await last().catch(() => undefined)
  }
  const start = async (name: 'api' | 'worker', port: number, variables: Readonly<Record<string, string>>) => {
    const own = {
      CARREL_ENV: 'development',
      CARREL_LOG_LEVEL: 'warn',
      CARREL_DATABASE_URL: databaseUrl,
      CARREL_TEMPORAL_ADDRESS: temporalAddress,
      CARREL_TEMPORAL_NAMESPACE: namespace,
      CARREL_KEYS: key,
      CARREL_PROVIDERS: undefined,
      CARREL_PROVIDERS_FILE: undefined,
      CARREL_TIMINGS: undefined,
    }
    const readyUrl = `http://127.0.0.1:${port}/readyz`
    const plan = { name, entry: `${name}/main.ts`, variables: { ...own, ...variables }, readyUrl, logs: places.logs }
    const { child, ready } = await startProcess(plan)
    undo.push(() => child.stop(workerGraceMs))
    await ready
    return child.pid
  }
  const key = `k1:${randomBytes(32).toString('base64')}`
  try {
    const { deploymentId } = await readInstallation(db)
    const user = await addPerson(db, 'member')
    const port = apiPort ?? (await freePort())
    const api = await start('api', port, {
      CARREL_API_PORT: String(port),
      CARREL_DIRECT_DOORS: 'true',
      CARREL_RATE_LIMIT_PER_MINUTE: '1000000',
      ...apiVariables,
    })
    const metrics = await freePort()
    const workerPid = worker ? await start('worker', metrics, { CARREL_METRICS_PORT: String(metrics) }) : null
    const url = `http://127.0.0.1:${port}`
    return { url, db, databaseUrl, namespace, deploymentId, user, pids: { api, worker: workerPid }, close }
  } catch (error) {
    await close()
    throw error
  }
}
