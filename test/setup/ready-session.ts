import { sql } from 'kysely'
import type { Db } from '../../db/connect.ts'
import { instanceName } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import type { Endpoint } from '../../ports/compute/provider.ts'

export interface ReadyAt {
  readonly endpoints: readonly Endpoint[]
  /** Sealed, where anybody opens it. */
  readonly secret?: Buffer
  /** From now; without it there is no end. */
  readonly lifetimeMs?: number
  readonly providerId?: string
}

/** Makes a session ready without a worker, because its rows say so: its instance answers at these endpoints. */
export async function makeReady(db: Db, id: SessionId, at: ReadyAt): Promise<void> {
  const { endpoints, secret = Buffer.from('sealed'), lifetimeMs = null, providerId = 'fake' } = at
  await db
    .updateTable('session')
    .set({
      state: 'ready',
      ready_at: sql<Date>`now()`,
      lifetime_ends_at: sql<Date | null>`now() + ${lifetimeMs}::int * interval '1 millisecond'`,
    })
    .where('id', '=', id)
    .execute()
  await db
    .insertInto('instance')
    .values({
      session_id: id,
      generation: 1,
      provider_id: providerId as ProviderId,
      name: instanceName(id, 1),
      secret,
      endpoints: JSON.stringify(endpoints),
    })
    .execute()
}
