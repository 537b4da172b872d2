import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import { wrapClients } from './pool.ts'

/**
 * Gives up a connection on which a statement was not answered in its time: its server is gone without a word, or the way to
 * it is cut. The pool alone would hand it out again and again, and each statement on it, a rollback too, would wait as long.
 */
export const answering = (pool: PostgresPool): PostgresPool => wrapClients(pool, wrap)

function wrap(client: PostgresPoolClient): PostgresPoolClient {
  let silence: Error | null = null
  async function query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    if (silence !== null) throw silence
    try {
      return await client.query<R>(text, parameters)
    } catch (error) {
      if (isSilence(error)) silence = error
      throw error
    }
  }
  return {
    // Cursors, the other thing that Kysely may give, need a setting that nobody makes.
    query: query as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy === true || silence !== null),
  }
}

/** pg has no code of its own for a statement that was not answered within `query_timeout`. */
const isSilence = (error: unknown): error is Error =>
  error instanceof Error && error.message.startsWith('Query read timeout')
