import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type pg from 'pg'
import { wrapClients } from './pool.ts'

/** Each costs every connection of the server some memory; what comes beyond is planned anew each time, as without this. */
const mostNames = 400

/**
 * Has the server plan each statement once per connection, and not again with each call: planning is most of what a short
 * statement costs. A statement whose result changed because a migration added a column is prepared anew.
 */
export function preparing(pool: pg.Pool): PostgresPool {
  const names = createNames()
  return wrapClients<pg.PoolClient>(pool, (client) => wrap(client, names))
}

interface Names {
  /** The name of a statement; `undefined`: it is to have none. */
  of(text: string): string | undefined
  /** What was prepared under its name so far is of no use any more. */
  renew(text: string): void
}

function createNames(): Names {
  const names = new Map<string, string>()
  let made = 0
  const fresh = (text: string) => {
    made += 1
    names.set(text, `carrel_${made}`)
    return names.get(text)
  }
  return {
    of: (text) => names.get(text) ?? (names.size < mostNames && mayBePrepared.test(text) ? fresh(text) : undefined),
    renew: (text) => void fresh(text),
  }
}

const mayBePrepared = /^\s*(select|insert|update|delete|with)\b/i
/** Whose result has another shape when its table has another column. */
const wholeRows = /(select|returning|[.,])\s*\*/i
const featureNotSupported = '0A000'

function wrap(client: pg.PoolClient, names: Names): PostgresPoolClient {
  async function query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    const values = [...parameters]
    const isFree = client.getTransactionStatus() === 'I'
    // In a transaction a failed statement could not be repeated.
    const name = !isFree && wholeRows.test(text) ? undefined : names.of(text)
    if (name === undefined) return await run(text, values)
    try {
      return await run(text, values, name)
    } catch (error) {
      if (!isFree || !isStale(error)) throw error
      names.renew(text)
      return await run(text, values, names.of(text))
    }
  }

  async function run<R>(text: string, values: unknown[], name?: string): Promise<PostgresQueryResult<R>> {
    const result = await client.query(name === undefined ? { text, values } : { text, values, name })
    // pg's type leaves open what Kysely's names; the rows are of the shape that the statement was built for.
    return result as unknown as PostgresQueryResult<R>
  }

  return {
    // Cursors, the other thing that Kysely may give, need a setting that nobody makes.
    query: query as PostgresPoolClient['query'],
    release: (destroy) => client.release(destroy),
  }
}

/** "cached plan must not change result type": there is no code of its own for it. */
const isStale = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === featureNotSupported && /cached plan/.test(error.message)
