import type { SessionId } from '../domain/ids.ts'
import type { Executor } from './connect.ts'

/** The undo list of a session, as its rows tell it: oldest first, so that it is undone from the end. */
export interface PendingUndo {
  readonly generation: number
  readonly steps: readonly (
    | { readonly step: 'releaseReservation'; readonly generation: number }
    | { readonly step: 'closeDoors'; readonly generation: number }
    | { readonly step: 'removeInstance'; readonly providerId: string; readonly generation: number }
  )[]
}

/** What is still to be undone. The present generation is always in it: a create of it may be on its way. */
export async function pendingUndo(executor: Executor, sessionId: SessionId): Promise<PendingUndo | null> {
  const session = await executor
    .selectFrom('session')
    .select(['generation', 'provider_id', 'dispatched_at', 'outside'])
    .where('id', '=', sessionId)
    .executeTakeFirst()
  if (session === undefined) return null
  const instances = await executor
    .selectFrom('instance')
    .select(['generation', 'provider_id'])
    .where('session_id', '=', sessionId)
    .where('removed_at', 'is', null)
    .orderBy('generation')
    .execute()
  const begun = instances.some((i) => i.generation === session.generation)
  const removals = instances.map((i) => ({
    step: 'removeInstance' as const,
    providerId: i.provider_id,
    generation: i.generation,
  }))
  const coming = { step: 'removeInstance' as const, providerId: session.provider_id, generation: session.generation }
  const doors = await executor
    .selectFrom('outside_doors')
    .select('generation')
    .where('session_id', '=', sessionId)
    .where('generation', '<', session.generation)
    .where('closed_at', 'is', null)
    .execute()
  return {
    generation: session.generation,
    steps: [
      { step: 'releaseReservation', generation: session.generation },
      ...removals,
      ...(begun || session.dispatched_at === null ? [] : [coming]),
      ...doors.map(({ generation }) => ({ step: 'closeDoors' as const, generation })),
      ...(session.outside ? [{ step: 'closeDoors' as const, generation: session.generation }] : []),
    ],
  }
}
