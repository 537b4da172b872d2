import { chmod, mkdtemp, readdir, readFile, rm, stat, statfs } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { migrateToLatest } from '../../db/migrate.ts'
import { isAlive } from '../../stack/liveness.ts'
import { freePort } from '../../stack/ports.ts'
import { ensureDatabase, startPostgres } from '../../stack/postgres.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A database of the one server that all test files share: make your own with `createDatabase()`. */
    postgresUrl: string
    /** The name of a database on it that has the newest schema and nothing else. */
    postgresTemplate: string
  }
}

const template = 'migrated'
// Containers may share this memory, and know nothing of each other's processes.
const prefix = `carrel-test-postgres-${hostname()}-`

/** One PostgreSQL for the project: quick, careless, gone at the end. It is migrated once, for all databases that are to be. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const place = await quickestPlace()
  await forgetKilled(place)
  const directory = await mkdtemp(join(place, prefix))
  await chmod(directory, 0o711)
  const server = await startPostgres({
    directory: join(directory, 'data'),
    port: await freePort(),
    password: 'test',
    durable: false,
  })
  await ensureDatabase(server, template)
  await migrateToLatest(server.url(template))
  project.provide('postgresUrl', server.url('postgres'))
  project.provide('postgresTemplate', template)
  return async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

const memory = '/dev/shm'
const enoughBytes = 4 * 2 ** 30

/** In memory where there is enough of it: a hundred databases are made there, and dropped, in a fraction of the time. */
async function quickestPlace(): Promise<string> {
  const space = await statfs(memory).catch(() => null)
  // What may be laid there says nothing of how much memory is left.
  const left = space === null ? 0 : Math.min(space.bavail * space.bsize, process.availableMemory())
  return left > enoughBytes ? memory : tmpdir()
}

/** A run that was killed leaves its data, which takes memory here: what is there and has no server any more. */
async function forgetKilled(place: string): Promise<void> {
  const left = (await readdir(place)).filter((name) => name.startsWith(prefix)).map((name) => join(place, name))
  for (const directory of left)
    if (!(await isInUse(directory))) await rm(directory, { recursive: true, force: true }).catch(() => undefined)
}

const beginsWithinMs = 10 * 60_000

async function isInUse(directory: string): Promise<boolean> {
  const text = await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8').catch(() => null)
  if (text !== null) return isAlive(Number(text.split('\n')[0]))
  const { mtimeMs } = await stat(directory).catch(() => ({ mtimeMs: 0 }))
  return Date.now() - mtimeMs < beginsWithinMs
}
