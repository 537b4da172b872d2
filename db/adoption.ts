import { instanceOf } from '../domain/ids.ts'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import { isEnd } from '../domain/lifecycle.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Trx } from './connect.ts'
import { wakeSession } from './intents.ts'

export type Adoption =
  /** `adopted`: its row is there now. `already`: it was before. `possible`: it would be adopted, were this no trial. */
  | { readonly kind: 'adopted' | 'already' | 'possible'; readonly key: SessionKey }
  /** The installation must be armed first: it may be a copy. */
  | { readonly kind: 'disarmed' }
  /** No survey of this provider that was kept has seen such an instance without a row. */
  | { readonly kind: 'unseen' }
  /** Its session has no row: what made it is lost, and labels do not say it. */
  | { readonly kind: 'rowless'; readonly sessionId: SessionId }
  /** The session's row is of an earlier generation, or of a later one. */
  | { readonly kind: 'other_generation'; readonly generation: number }
  | { readonly kind: 'other_provider'; readonly providerId: ProviderId }
  /** The session ends, or has ended. */
  | { readonly kind: 'ending' }
  /** In this state nothing is made of an instance: it is adopted where a start comes across it. */
  | { readonly kind: 'not_waiting'; readonly state: SessionState }
  /** It would report its ports, and what it knows itself by was lost with its row: nobody would ever be led there. */
  | { readonly kind: 'reports' }
  /** The session, or the name, has an instance by the rows that is to go, or another one. */
  | { readonly kind: 'taken' }

/**
 * Takes an instance that no row knows of for what its labels say that it is: of this session, in this generation. What is written
 * is what a start writes before it makes one; the start then finds it by its name and goes on from there. Nothing else is made
 * from labels: they carry no account, no template and no secret. Repeats change nothing.
 */
export async function adoptInstance(
  trx: Trx,
  ask: { readonly providerId: ProviderId; readonly name: string; readonly dryRun: boolean },
  mintSecret: (key: SessionKey) => Buffer,
): Promise<Adoption> {
  const key = instanceOf(ask.name)
  if (key === null) return { kind: 'unseen' }
  const { disarmed_at } = await trx.selectFrom('installation').select('disarmed_at').executeTakeFirstOrThrow()
  if (disarmed_at !== null) return { kind: 'disarmed' }
  const session = await trx
    .selectFrom('session as s')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .select(['s.state', 's.generation', 's.provider_id', 's.stop_requested_at', 'v.spec'])
    .where('s.id', '=', key.sessionId)
    .forNoKeyUpdate('s')
    .executeTakeFirst()
  const instances = await trx
    .selectFrom('instance')
    .select(['name', 'provider_id', 'tombstoned_at', 'removed_at'])
    .where('session_id', '=', key.sessionId)
    .execute()
  const own = instances.find((row) => row.name === ask.name && row.provider_id === ask.providerId)
  if (own !== undefined) return { kind: own.tombstoned_at === null ? 'already' : 'taken', key }
  if (!(await wasSeen(trx, ask))) return { kind: 'unseen' }
  if (session === undefined) return { kind: 'rowless', sessionId: key.sessionId }
  if (isEnd(session.state) || session.state === 'stopping' || session.stop_requested_at !== null)
    return { kind: 'ending' }
  if (session.provider_id !== ask.providerId) return { kind: 'other_provider', providerId: session.provider_id }
  if (session.generation !== key.generation) return { kind: 'other_generation', generation: session.generation }
  if (instances.some((row) => row.removed_at === null)) return { kind: 'taken' }
  if (session.state !== 'queued' && session.state !== 'provisioning')
    return { kind: 'not_waiting', state: session.state }
  if (session.spec.reportedPorts !== undefined) return { kind: 'reports' }
  if (ask.dryRun) return { kind: 'possible', key }
  const begun = await trx
    .insertInto('instance')
    .values({
      session_id: key.sessionId,
      generation: key.generation,
      provider_id: ask.providerId,
      name: ask.name,
      secret: mintSecret(key),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('name')
    .executeTakeFirst()
  // A start that is under way wrote it in this very moment.
  if (begun === undefined) return { kind: 'already', key }
  await wakeSession(trx, key.sessionId)
  return { kind: 'adopted', key }
}

async function wasSeen(
  trx: Trx,
  { providerId, name }: { readonly providerId: ProviderId; readonly name: string },
): Promise<boolean> {
  const row = await trx
    .selectFrom('drift')
    .select('subject')
    .where('provider_id', '=', providerId)
    .where('kind', '=', 'unknown_instance')
    .where('subject', '=', name)
    .executeTakeFirst()
  return row !== undefined
}
