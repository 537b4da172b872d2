import { sql } from 'kysely'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { WaitingFor } from '../domain/lifecycle.ts'
import { lockPayers } from './admission.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { wake } from './intents.ts'

/** Woken when the breaker opens: should the first of them end before its next try, another asks in time. */
const heirs = 3

/** Those that wait longest for the provider, the oldest first, but none that is to end. */
export async function oldestWaiting(executor: Executor, providerId: ProviderId, atMost: number): Promise<SessionId[]> {
  const waiting = await executor
    .selectFrom('session')
    .select('id')
    .where('provider_id', '=', providerId)
    .where('state', '=', 'queued')
    .where('ended_at', 'is', null)
    .where('stop_requested_at', 'is', null)
    .orderBy('queued_at')
    .limit(atMost)
    .execute()
  return waiting.map((row) => row.id)
}

/** Providers at which all who wait do so for the same. */
export interface WaitingThere {
  readonly providerIds: readonly ProviderId[]
  readonly waitingFor: WaitingFor
}

const heldInOrder = ({ providerIds, waitingFor }: WaitingThere, others: readonly SessionId[]) => sql`
  select id from session where ended_at is null and state = 'queued'
    and (provider_id = any(${[...providerIds]}) and waiting_for is distinct from ${waitingFor} or id = any(${[...others]}))
  order by id for no key update`

/**
 * Locks those whom `explainWaiting` will tell, and others that wait, in the order of their ids: whoever changed these first would
 * meet halfway who locks many.
 */
export async function holdWaiting(trx: Trx, there: WaitingThere, others: readonly SessionId[]): Promise<void> {
  await heldInOrder(there, others).execute(trx)
}

/** Says of all who wait there what for. Under the providers' quota rows, as everything that is decided about them. */
export async function explainWaiting(trx: Trx, there: WaitingThere): Promise<void> {
  await sql`update session set waiting_for = ${there.waitingFor} where id in (${heldInOrder(there, [])})`.execute(trx)
}

/**
 * Has sessions that wait look again, locked in the order of their ids: each asks for all places there are, or knows from when on.
 * Only under the quota rows of their providers, as dispatch.
 */
export async function wakeWaiting(trx: Trx, ids: readonly SessionId[]): Promise<void> {
  for (const id of [...ids].sort())
    await trx.updateTable('session').set(wake).where('id', '=', id).where('state', '=', 'queued').execute()
}

/**
 * Tells a few of those that wait that the provider's breaker has opened, or moved. They may have looked when no place was free,
 * and so know no time at which to ask; and whoever met the outage, and does, may end before.
 */
export async function wakeForRetry(db: Db, providerId: ProviderId): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockPayers(trx, [{ kind: 'provider', id: providerId }])
    await wakeWaiting(trx, await oldestWaiting(trx, providerId, heirs))
  })
}
