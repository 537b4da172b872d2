import type { Db } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { insertSession, requestStop } from '../../db/intents.ts'
import { holdMaintenance } from '../../db/maintenance.ts'
import { getSession } from '../../db/session-queries.ts'
import type { SessionView } from '../../db/session-queries.ts'
import { newId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { StopReason } from '../../domain/lifecycle.ts'
import { can, isOperator } from '../../domain/rights.ts'
import type { Actor, Relation } from '../../domain/rights.ts'
import { change, createOnce } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed, Principal } from '../env.ts'
import { underMaintenance } from '../maintenance/refusal.ts'
import { accountLeaves, invalid, notFound } from '../problem.ts'
import { planSession } from './plan.ts'
import type { Ask } from './plan.ts'

export type Wish = Ask & { readonly name?: string | undefined; readonly expiresAt?: Date | undefined }

/** Records that a session is wanted, once per key. Whether it is admitted is decided elsewhere, and read from its row. */
export async function requestSession(
  { db, sealParameters }: Pick<Services, 'db' | 'sealParameters'>,
  deed: Deed,
  intent: IntentKey,
  principal: Principal,
  wish: Wish,
): Promise<SessionId> {
  const id = newId('session')
  const made = await createOnce(db, deed, intent, { kind: 'session', id }, async () => {
    const expiresAt = wish.expiresAt ?? null
    if (expiresAt !== null && expiresAt.getTime() <= Date.now())
      throw invalid('/expiresAt', 'Expected a time in the future.')
    const { template, secrets, ...plan } = await planSession(db, principal.accountId, wish)
    return async (trx) => {
      const maintenance = await holdMaintenance(trx)
      if (maintenance !== null) throw underMaintenance(maintenance, new Date())
      const recorded = await insertSession(trx, {
        ...plan,
        id,
        secretParameters: Object.keys(secrets).length === 0 ? null : sealParameters(id, JSON.stringify(secrets)),
        ownerId: principal.accountId,
        startedBy: principal.accountId,
        client: principal.client,
        templateId: template.id,
        templateVersion: template.version,
        name: wish.name ?? template.spec.title.slice(0, 100),
        queueLimitSeconds: template.spec.queueLimitSeconds,
        startLimitSeconds: template.spec.startLimitSeconds,
        lifetimeSeconds: template.spec.lifetimeSeconds,
        expiresAt,
      })
      if (recorded === 'owner_leaves') throw accountLeaves()
    }
  })
  return made.id
}

/** The session. Throws 404. */
export async function readSession(db: Db, id: SessionId): Promise<SessionView> {
  const session = await getSession(db, id)
  if (session === null) throw notFound('session')
  return session
}

/** Records that the session is to end, whatever its state. Repeats, and a session that has ended, change nothing. */
export async function stopSession(db: Db, deed: Deed, id: SessionId, reason: StopReason): Promise<SessionView> {
  await change(db, deed, { kind: 'session', id }, async (trx) => {
    if ((await requestStop(trx, id, reason)) === 'absent') throw notFound('session')
  })
  return await readSession(db, id)
}

/** Why a session ends that this actor stops: an operator's hand is named only where no right of one's own would do. */
export function stopReason(actor: Actor, relation: Relation, session: SessionView): StopReason {
  const asOperator = isOperator(actor) && can({ ...actor, roles: ['member'] }, 'session:stop', relation) !== 'yes'
  if (asOperator) return 'admin'
  return session.state === 'requested' || session.state === 'queued' ? 'cancelled' : 'user'
}
