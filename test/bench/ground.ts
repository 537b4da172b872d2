import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { readConfig } from '../../platform/config.ts'
import { makePlaces, placesIn } from '../../stack/places.ts'
import type { Places } from '../../stack/places.ts'
import { freePort } from '../../stack/ports.ts'
import { startPostgres } from '../../stack/postgres.ts'
import { logTo } from '../../stack/processes.ts'
import type { Progress } from '../../stack/progress.ts'
import { obtainTemporal } from '../../stack/temporal-cli.ts'
import { startTemporal } from '../../stack/temporal.ts'

/** The servers that all parts share, as the embedded stack starts them: PostgreSQL that keeps its word, Temporal on a file. */
export interface Ground {
  readonly places: Places
  readonly temporalAddress: string
  readonly progress: Progress
  readonly signal: AbortSignal
  postgresUrl(database: string): string
  /** Makes an empty database, and returns its URL. */
  createDatabase(): Promise<string>
  stopTemporal(): Promise<void>
  startTemporal(): Promise<void>
  close(): Promise<void>
}

export async function createGround(progress: Progress, signal: AbortSignal): Promise<Ground> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-bench-'))
  await chmod(directory, 0o711)
  const places = placesIn(directory)
  await makePlaces(places)
  const { tools } = readConfig(['tools'])
  const undo: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })]
  const close = async () => {
    for (let last = undo.pop(); last !== undefined; last = undo.pop()) await last().catch(() => undefined)
  }
  try {
    const postgres = await progress.step('PostgreSQL', async () => await startCounting(places))
    undo.push(() => postgres.stop())
    const cli = await obtainTemporal(
      { named: tools.temporalCliPath, path: tools.path, cacheHome: tools.cacheHome },
      progress.now,
    )
    const { onLine } = logTo(places.logs, 'temporal')
    const options = { cli, port: await freePort(), databaseFile: places.temporalFile, namespace: 'bench', onLine }
    let temporal = await progress.step('Temporal', async () => await startTemporal(options))
    undo.push(() => temporal.stop())
    return {
      places,
      progress,
      signal,
      temporalAddress: temporal.address,
      postgresUrl: postgres.url,
      async createDatabase() {
        const name = `bench_${randomBytes(6).toString('hex')}`
        await execute(postgres.url('postgres'), `create database ${name}`)
        return postgres.url(name)
      },
      stopTemporal: () => temporal.stop(),
      async startTemporal() {
        temporal = await startTemporal(options)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A server that counts statements: that library must be there from its start. */
async function startCounting(places: Places) {
  const { onLine } = logTo(places.logs, 'postgres')
  const options = { directory: places.postgres, password: randomBytes(12).toString('hex'), durable: true, onLine }
  const first = await startPostgres({ ...options, port: await freePort() })
  try {
    await execute(first.url('postgres'), `alter system set shared_preload_libraries = 'pg_stat_statements'`)
  } finally {
    await first.stop()
  }
  const server = await startPostgres({ ...options, port: await freePort() })
  await execute(server.url('postgres'), 'create extension pg_stat_statements')
  return server
}

export async function execute(connectionString: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000, statement_timeout: 60_000 })
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}
