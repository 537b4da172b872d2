import { mkdtemp, rm, chmod, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { migrateToLatest } from '../../db/migrate.ts'
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

/** One PostgreSQL for the project: quick, careless, gone at the end. It is migrated once, for all databases that are to be. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(await quickestPlace(), 'carrel-test-postgres-'))
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
  return space !== null && space.bavail * space.bsize > enoughBytes ? memory : tmpdir()
}
