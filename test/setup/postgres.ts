import { mkdtemp, rm, chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { freePort } from '../../stack/ports.ts'
import { startPostgres } from '../../stack/postgres.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A database of the one server that all test files share: make your own with `createDatabase()`. */
    postgresUrl: string
  }
}

/** One PostgreSQL for the project: quick, careless, gone at the end. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-test-postgres-'))
  await chmod(directory, 0o711)
  const server = await startPostgres({
    directory: join(directory, 'data'),
    port: await freePort(),
    password: 'test',
    durable: false,
  })
  project.provide('postgresUrl', server.url('postgres'))
  return async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
}
