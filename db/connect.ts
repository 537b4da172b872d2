import { CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely'
import type { Transaction } from 'kysely'
import pg from 'pg'
import { answering } from './answering.ts'
import { preparing } from './prepared.ts'
import type { Database } from './schema.ts'

export type Db = Kysely<Database>
export type Trx = Transaction<Database>
/** What a repository function that does not lock takes: the pool or a transaction. */
export type Executor = Kysely<Database>

export interface ConnectOptions {
  readonly url: string
  readonly poolSize?: number
  /** No statement runs longer, ms. */
  readonly statementTimeoutMs?: number
  /** No statement waits longer for one lock, ms. */
  readonly lockTimeoutMs?: number
  readonly name?: string
}

/** A connection on which nothing is said for so long is asked whether its other end is still there. */
export const quietMs = 10_000

/** A pool whose every statement is bounded, and waits at most so long for a lock: 5 s, where nothing else is said. */
export function connect({
  url,
  poolSize = 10,
  statementTimeoutMs = 10_000,
  lockTimeoutMs = 5_000,
  name = 'carrel',
}: ConnectOptions): Db {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 5_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 1_000,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: 15_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: quietMs,
    application_name: name,
  })
  // A connection that breaks is replaced at the next use. Without a listener of its own, one that breaks while a transaction
  // has it and no statement is under way would end the process; the pool itself listens only to those that are idle.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: answering(preparing(pool)) }) })
}

/** Locks that the rest of this transaction has to wait for are given up after so long, instead of the usual 5 s. */
export async function waitForLocks(trx: Trx, ms: number): Promise<void> {
  await sql`select set_config('lock_timeout', ${`${Math.max(1, Math.ceil(ms))}ms`}, true)`.execute(trx)
}

const lockNotAvailable = '55P03'
/** Whether a statement failed because others kept what it had to lock. */
export const isLockedOut = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === lockNotAvailable

/** Whether the database answers. */
export async function ping(db: Db): Promise<void> {
  await db.executeQuery(CompiledQuery.raw('select 1'))
}

/** Now, by the database's clock: ms since the epoch. */
export async function databaseTime(db: Db): Promise<number> {
  const { rows } = await sql<{ now: Date }>`select now()`.execute(db)
  const row = rows[0]
  if (row === undefined) throw new Error('There is no time without a row.')
  return row.now.getTime()
}
