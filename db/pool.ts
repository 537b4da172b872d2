import type { PostgresPool, PostgresPoolClient } from 'kysely'

/** The pool, with `wrap` around each of its clients, once for as long as the client lives. */
export function wrapClients<C extends object>(
  pool: Pick<PostgresPool, 'end' | 'options'> & { connect(): Promise<C> },
  wrap: (client: C) => PostgresPoolClient,
): PostgresPool {
  const wrapped = new WeakMap<C, PostgresPoolClient>()
  return {
    connect: async () => {
      const client = await pool.connect()
      const known = wrapped.get(client) ?? wrap(client)
      wrapped.set(client, known)
      return known
    },
    end: async () => await pool.end(),
    options: pool.options,
  }
}
