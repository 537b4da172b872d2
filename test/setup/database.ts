import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

export interface TestDatabase {
  readonly url: string
  /** Ends the connections that are still open on it, so a test that forgot to close its pool does not hang. */
  drop(): Promise<void>
}

/** Makes a fresh, empty database on the project's PostgreSQL. */
export async function createDatabase(): Promise<TestDatabase> {
  return await create('template1')
}

/** Makes a database with the newest schema, as it is right after the migrations: an installation of its own. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  const database = await create(inject('postgresTemplate'))
  await execute(database.url, 'update installation set deployment_id = default')
  return database
}

async function create(template: string): Promise<TestDatabase> {
  const server = inject('postgresUrl')
  const name = `test_${randomBytes(6).toString('hex')}`
  // Files are copied several times as fast as pages are logged.
  await execute(server, `create database ${name} template ${template} strategy file_copy`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => execute(server, `drop database if exists ${name} with (force)`) }
}

async function execute(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 30_000, statement_timeout: 30_000 })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
