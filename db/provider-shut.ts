import { sql } from 'kysely'
import type { ProviderId } from '../domain/ids.ts'
import { lockPayers } from './admission.ts'
import type { Trx } from './connect.ts'
import { explainWaiting, oldestWaiting, wakeWaiting } from './waiting.ts'

/** Why no session begins at a provider: an operator drains it, or an admin took it out of service. */
export type Shut = 'draining' | 'disabled'

const since = { draining: 'draining_at', disabled: 'disabled_at' } as const
/** Workers open a provider anew whose version rises: of what is out of service they keep what still holds something. */
const rises = { draining: 0, disabled: 1 } as const

/**
 * From this transaction on no session begins at the provider; what runs goes on. Admission and dispatch decide under the lock
 * that is taken here. Repeats change nothing.
 */
export async function shutProvider(trx: Trx, id: ProviderId, how: Shut): Promise<'shut' | 'already'> {
  await lockPayers(trx, [{ kind: 'provider', id }])
  const changed = await trx
    .updateTable('provider')
    .set(since[how], sql<Date>`now()`)
    .set('version', sql<number>`version + ${rises[how]}`)
    .where('id', '=', id)
    .where(since[how], 'is', null)
    .executeTakeFirst()
  if (changed.numUpdatedRows === 0n) return 'already'
  await explainWaiting(trx, { providerIds: [id], waitingFor: 'provider_unavailable' })
  return 'shut'
}

/**
 * For this reason nobody is kept from beginning there any more. As many of those that wait as may begin at once are woken: each asks
 * for all places there are. Repeats change nothing.
 */
export async function reopenProvider(trx: Trx, id: ProviderId, how: Shut): Promise<'open' | 'already'> {
  await lockPayers(trx, [{ kind: 'provider', id }])
  const provider = await trx
    .updateTable('provider')
    .set(since[how], null)
    .set('version', sql<number>`version + ${rises[how]}`)
    .where('id', '=', id)
    .where(since[how], 'is not', null)
    .returning('start_limit')
    .executeTakeFirst()
  if (provider === undefined) return 'already'
  await wakeWaiting(trx, await oldestWaiting(trx, id, Math.max(1, provider.start_limit)))
  return 'open'
}
