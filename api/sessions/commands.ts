import type { Db, Trx } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { holdOwner, insertSession, requestStop } from '../../db/intents.ts'
import type { NewSession } from '../../db/intents.ts'
import { holdMaintenance } from '../../db/maintenance.ts'
import { getSession } from '../../db/session-queries.ts'
import type { SessionView } from '../../db/session-view.ts'
import { defaultAccessRule } from '../../domain/experiment.ts'
import { newId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { StopReason } from '../../domain/lifecycle.ts'
import { can, isOperator } from '../../domain/authorization.ts'
import type { Actor, Relation } from '../../domain/authorization.ts'
import { change, makeOnce, replayOf } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed, Principal } from '../env.ts'
import { underMaintenance } from '../maintenance/refusal.ts'
import { accountLeaves, invalid, notFound } from '../problem.ts'
import { refusalIn } from './experiment.ts'
import { termsNotAccepted } from '../terms/expected.ts'
import { planSession } from './plan.ts'
import type { Ask, Plan } from './plan.ts'
import { viewOf } from './recorded.ts'

export type Wish = Ask & { readonly name?: string | undefined; readonly expiresAt?: Date | undefined }

/** What a wish came to. `view`: the session as it was recorded, where that was just now and by itself. */
export interface Requested {
  readonly id: SessionId
  readonly view: SessionView | null
}

type Recording = Pick<
  Services,
  'settings' | 'db' | 'sealParameters' | 'readGrounds' | 'recordWish' | 'announce' | 'userOffice'
>

/** Records that a session is wanted, once per key. Whether it is admitted is decided elsewhere, and read from its row. */
export async function requestSession(
  { db, settings, sealParameters, readGrounds, recordWish, announce, userOffice }: Recording,
  deed: Deed,
  intent: IntentKey,
  principal: Principal,
  wish: Wish,
): Promise<Requested> {
  const grounds = await readGrounds({
    accountId: principal.accountId,
    templateId: wish.templateId,
    projectId: wish.projectId,
    intent,
  })
  const known = replayOf<SessionId, unknown>(grounds.claim)
  if (known !== null) return { id: known.id, view: null }
  if (grounds.owesTerms) throw termsNotAccepted()
  const expiresAt = wish.expiresAt ?? null
  if (expiresAt !== null && expiresAt.getTime() <= Date.now())
    throw invalid('/expiresAt', 'Expected a time in the future.')
  const plan = await planSession(db, grounds, wish, {
    accountId: principal.accountId,
    access: settings.access ?? defaultAccessRule,
  })
  // Outside: asked before anything is held.
  if (plan.experiment === undefined) await userOffice?.ownResources?.expect(db, principal.accountId)
  const session = sessionOf(plan, principal, wish, sealParameters)
  // Whoever asks for a place in the same experiment must wait for it, and of many at once nobody waits.
  const recordedAt = session.experiment === undefined ? await recordWish({ session, intent, deed }) : null
  if (recordedAt === null) return { id: await recordWithCare(db, deed, intent, session), view: null }
  announce(session.id)
  return { id: session.id, view: viewOf(session, plan.template, recordedAt) }
}

function sessionOf(
  { template, secrets, ...plan }: Plan,
  { accountId, client }: Principal,
  wish: Wish,
  seal: Services['sealParameters'],
): NewSession {
  const id = newId('session')
  return {
    ...plan,
    id,
    secretParameters: Object.keys(secrets).length === 0 ? null : seal(id, JSON.stringify(secrets)),
    ownerId: accountId,
    startedBy: accountId,
    client,
    templateId: template.id,
    templateVersion: template.version,
    name: wish.name ?? template.spec.title.slice(0, 100),
    queueLimitSeconds: template.spec.queueLimitSeconds,
    startLimitSeconds: template.spec.startLimitSeconds,
    lifetimeSeconds: template.spec.lifetimeSeconds,
    expiresAt: wish.expiresAt ?? null,
  }
}

/** Finds out what stood in the way, in a transaction of several statements: throws it, or records what may be recorded. */
async function recordWithCare(db: Db, deed: Deed, intent: IntentKey, session: NewSession): Promise<SessionId> {
  const subject = { kind: 'session', id: session.id }
  const make = async (trx: Trx) => {
    const maintenance = await holdMaintenance(trx)
    if (maintenance !== null) throw underMaintenance(maintenance, new Date())
    const recorded = await insertSession(trx, session)
    if (recorded === 'owner_leaves') throw accountLeaves()
    if (recorded !== 'recorded') throw refusalIn(recorded)
  }
  // In the order in which the short way takes them; or of two that hold one key, one each way, each could wait for the other.
  const hold = async (trx: Trx) => {
    await holdMaintenance(trx)
    await holdOwner(trx, session)
  }
  const { id } = await makeOnce(db, deed, intent, subject, make, hold)
  return id
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
