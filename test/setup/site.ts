import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { inject } from 'vitest'
import { connect } from '../../db/connect.ts'
import type { Configuration } from '../../db/bootstrap.ts'
import { readInstallation } from '../../db/installation.ts'
import { defaultTimings } from '../../domain/timings.ts'
import type { Timings } from '../../domain/timings.ts'
import { bootstrap } from '../../stack/bootstrap-steps.ts'
import { startChild } from '../../stack/child.ts'
import type { Child } from '../../stack/child.ts'
import { freePort } from '../../stack/ports.ts'
import { isAnswering } from './is-answering.ts'
import { addPerson } from './person.ts'
import { createMigratedDatabase } from './database.ts'

export interface SiteOptions {
  readonly configuration: Configuration
  readonly timings?: Partial<Timings>
  /** A Temporal server of the test's own; the project's by default. */
  readonly temporalAddress?: string
  readonly variables?: Readonly<Record<string, string>>
}

export interface Service {
  readonly child: Child
  readonly url: string
  /** Everything that it printed. */
  readonly lines: readonly string[]
}

const root = join(import.meta.dirname, '../..')
const readyWithinMs = 60_000

/** Carrel as an installation has it: its own database and namespace, and real processes that a test may kill. */
export async function createSite({ configuration, timings = {}, temporalAddress, variables = {} }: SiteOptions) {
  const database = await createMigratedDatabase()
  const address = temporalAddress ?? inject('temporalAddress')
  const namespace = `t${randomBytes(6).toString('hex')}`
  await bootstrap(
    { databaseUrl: database.url, temporal: { address, namespace }, configuration, retentionDays: 1 },
    () => {},
  )
  const db = connect({ url: database.url, poolSize: 10, name: 'carrel-test' })
  const { deploymentId } = await readInstallation(db)
  const admin = await addPerson(db, 'admin')
  const user = await addPerson(db, 'member')
  const running = new Set<Child>()
  const own = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    CARREL_ENV: 'development',
    CARREL_LOG_LEVEL: 'warn',
    CARREL_DATABASE_URL: database.url,
    CARREL_TEMPORAL_ADDRESS: address,
    CARREL_TEMPORAL_NAMESPACE: namespace,
    CARREL_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    CARREL_TIMINGS: JSON.stringify({ ...defaultTimings, ...timings }),
    CARREL_DIRECT_DOORS: 'true',
    CARREL_RATE_LIMIT_PER_MINUTE: '1000000',
    CARREL_WORKFLOW_BUNDLE: inject('workflowBundle'),
    ...variables,
  }

  const start = async (entry: string, port: number, more: Readonly<Record<string, string>>): Promise<Service> => {
    const lines: string[] = []
    const child = await startChild({
      name: entry,
      command: process.execPath,
      args: [entry],
      cwd: root,
      env: { ...own, ...more },
      onLine: (line) => {
        if (process.env['TEST_LOG'] !== undefined) console.log(`[${entry}] ${line}`)
        lines.push(line)
      },
    })
    running.add(child)
    const url = `http://127.0.0.1:${port}`
    const deadline = Date.now() + readyWithinMs
    while (!(await isAnswering(`${url}/readyz`))) {
      if (!child.isRunning() || Date.now() > deadline) {
        await child.kill()
        throw new Error(`${entry} did not become ready:\n${lines.slice(-30).join('\n')}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return { child, url, lines }
  }

  return {
    db,
    databaseUrl: database.url,
    namespace,
    temporalAddress: address,
    deploymentId,
    admin,
    user,
    async startApi(more: Readonly<Record<string, string>> = {}): Promise<Service> {
      const port = Number(more['CARREL_API_PORT'] ?? (await freePort()))
      const own_ = { CARREL_API_PORT: String(port), CARREL_PUBLIC_URL: `http://127.0.0.1:${port}` }
      return await start('api/main.ts', port, { ...own_, ...more })
    },
    async startWorker(entry = 'worker/main.ts', more: Readonly<Record<string, string>> = {}): Promise<Service> {
      const port = await freePort()
      return await start(entry, port, { CARREL_METRICS_PORT: String(port), ...more })
    },
    /** Serves doors at `port`; its `url` is where it says how it is. */
    async startGateway(port: number, more: Readonly<Record<string, string>> = {}): Promise<Service> {
      const control = await freePort()
      const ports = { CARREL_GATEWAY_PORT: String(port), CARREL_METRICS_PORT: String(control) }
      return await start('gateway/main.ts', control, { ...ports, ...more })
    },
    async close() {
      await Promise.all([...running].map(async (child) => await child.kill()))
      await db.destroy()
      await database.drop()
    },
  }
}
export type Site = Awaited<ReturnType<typeof createSite>>

/** A client of the api, as a portal is one. */
export function clientOf(url: string, token: string) {
  return async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown>; readonly headers: Headers }> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    // Every answer of the api with a body is a JSON object.
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    }
  }
}
