import { sql } from 'kysely'
import type { ProviderId } from '../domain/ids.ts'
import { lockPayers } from './admission.ts'
import type { Trx } from './connect.ts'
import { explainWaiting } from './dispatch.ts'
import { oldestWaiting, wakeWaiting } from './waiting.ts'

/**
 * From this transaction on no session begins at the provider; what runs goes on. Admission and dispatch decide under the lock
 * that is taken here. Repeats change nothing.
 */
export async function drainProvider(trx: Trx, id: ProviderId): Promise<'draining' | 'already'> {
  await lockPayers(trx, [{ kind: 'provider', id }])
  const changed = await trx
    .updateTable('provider')
    .set({ draining_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('draining_at', 'is', null)
    .executeTakeFirst()
  if (changed.numUpdatedRows === 0n) return 'already'
  await explainWaiting(trx, id, 'provider_unavailable')
  return 'draining'
}

/**
 * Sessions may begin at the provider again. As many of those that wait as may begin at once are woken: each asks for all
 * places there are. Repeats change nothing.
 */
export async function undrainProvider(trx: Trx, id: ProviderId): Promise<'open' | 'already'> {
  await lockPayers(trx, [{ kind: 'provider', id }])
  const provider = await trx
    .updateTable('provider')
    .set({ draining_at: null })
    .where('id', '=', id)
    .where('draining_at', 'is not', null)
    .returning('start_limit')
    .executeTakeFirst()
  if (provider === undefined) return 'already'
  await wakeWaiting(trx, await oldestWaiting(trx, id, Math.max(1, provider.start_limit)))
  return 'open'
}
