import type { SessionKey } from '../domain/session.ts'
import type { Executor } from './connect.ts'
import { readInstance } from './instances.ts'
import type { InstanceRow } from './instances.ts'

/**
 * The instance of an earlier generation whose remains the present one takes over: the last that nobody was to remove yet.
 * `null`: there is none, or it was taken over.
 */
export async function continuedBy(executor: Executor, key: SessionKey): Promise<InstanceRow | null> {
  const last = await executor
    .selectFrom('instance')
    .select('generation')
    .where('session_id', '=', key.sessionId)
    .where('generation', '<', key.generation)
    .where('tombstoned_at', 'is', null)
    .where('removed_at', 'is', null)
    .orderBy('generation', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last === undefined ? null : await readInstance(executor, { ...key, generation: last.generation })
}
