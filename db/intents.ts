import { sql } from 'kysely'
import type { AccessRule, ExperimentVerdict } from '../domain/experiment.ts'
import type { AccountId, ExperimentId, ProjectId, ProviderId, SessionId, TemplateId } from '../domain/ids.ts'
import { isEnd } from '../domain/lifecycle.ts'
import type { StopReason } from '../domain/lifecycle.ts'
import type { Resources } from '../domain/resources.ts'
import type { ParameterValue } from '../domain/template.ts'
import type { Executor, Trx } from './connect.ts'
import { firstLine, firstState, recordEvent } from './events.ts'
import { grantExperiment } from './experiment-grants.ts'
import { resourceColumns } from './resource-columns.ts'
import type { MountRequest } from './schema.ts'

/** What somebody wants: everything that a session is made from, decided and checked by the server. */
export interface NewSession {
  readonly id: SessionId
  readonly ownerId: AccountId
  readonly startedBy: AccountId
  readonly client: string
  readonly projectId: ProjectId
  readonly templateId: TemplateId
  readonly templateVersion: number
  readonly providerId: ProviderId
  readonly name: string
  readonly size: string
  readonly parameters: Record<string, ParameterValue>
  /** Sealed by the caller; `null` where the template has no secret parameters. */
  readonly secretParameters: Buffer | null
  readonly mounts: readonly MountRequest[]
  readonly resources: Resources
  readonly queueLimitSeconds: number
  readonly startLimitSeconds: number
  readonly lifetimeSeconds: number
  readonly expiresAt: Date | null
  /** Where it belongs to an experiment: to which, and how many of one account its template allows there. */
  readonly experiment?: { readonly id: ExperimentId; readonly most: number; readonly rule: AccessRule }
}

/** What every change that the session's workflow must hear of adds to its row: the starter delivers it. */
export const wake = {
  wake_version: sql<number>`wake_version + 1`,
  next_try_at: sql<Date>`now()`,
  tries: 0,
} as const

/**
 * Records that a session is wanted. The starter takes it from there. One whose owner was disabled, or whose project was
 * closed, in the meantime is asked to stop with it: whoever does that waits for this transaction, or this one for it. Of an
 * account that is to be erased, and may be by now, nothing is recorded any more: `owner_leaves`. Nor of one in an experiment that its
 * owner may have none in: the verdict says why. One that may be ends with the experiment's access window.
 */
export async function insertSession(
  trx: Trx,
  session: NewSession,
): Promise<'recorded' | 'owner_leaves' | Exclude<ExperimentVerdict, 'granted'>> {
  const withdrawn = await holdOwner(trx, session)
  if (withdrawn === 'owner_leaves') return withdrawn
  const ends = await grantIn(trx, session)
  if (typeof ends === 'string') return ends
  await insertWithFirstLine(trx, { ...session, expiresAt: ends })
  if (withdrawn !== null) await requestStop(trx, session.id, withdrawn)
  return 'recorded'
}

/** When the session ends at the latest, if its owner may have it in its experiment; else what is in the way. */
async function grantIn(
  trx: Trx,
  { experiment, ownerId, expiresAt }: NewSession,
): Promise<Date | null | Exclude<ExperimentVerdict, 'granted'>> {
  if (experiment === undefined) return expiresAt
  const { id, most, rule } = experiment
  const { verdict, window } = await grantExperiment(trx, { experimentId: id, accountId: ownerId, most, rule })
  if (verdict !== 'granted') return verdict
  const { closesAt } = window
  if (closesAt === null || (expiresAt !== null && expiresAt.getTime() <= closesAt)) return expiresAt
  return new Date(closesAt)
}

/** What a wish fills of the session's row. */
export const sessionValues = (session: NewSession) => ({
  id: session.id,
  owner_id: session.ownerId,
  started_by: session.startedBy,
  client: session.client,
  project_id: session.projectId,
  template_id: session.templateId,
  template_version: session.templateVersion,
  provider_id: session.providerId,
  name: session.name,
  size: session.size,
  parameters: JSON.stringify(session.parameters),
  secret_parameters: session.secretParameters,
  mounts: JSON.stringify(session.mounts),
  ...resourceColumns(session.resources),
  queue_limit_seconds: session.queueLimitSeconds,
  start_limit_seconds: session.startLimitSeconds,
  lifetime_seconds: session.lifetimeSeconds,
  expires_at: session.expiresAt,
  experiment_id: session.experiment?.id ?? null,
})

/** The row and the first line of its history in one statement. */
async function insertWithFirstLine(trx: Trx, session: NewSession): Promise<void> {
  const row = (db: Pick<Trx, 'insertInto'>) =>
    db
      .insertInto('session')
      .values({
        ...firstLine,
        ...sessionValues(session),
      })
      .returning(['id', 'event_seq', 'event_epoch', 'event_xid'])
  await trx
    .with('wanted', row)
    .insertInto('session_event')
    .columns(['session_id', 'seq', 'epoch', 'xid', 'type', 'data'])
    .expression((eb) =>
      eb
        .selectFrom('wanted')
        .select([
          'id',
          'event_seq',
          'event_epoch',
          'event_xid',
          eb.val(firstState.type).as('type'),
          sql`${JSON.stringify(firstState.data)}::jsonb`.as('data'),
        ]),
    )
    .execute()
}

/** What stands in the way of the owner or the project, as it stays until this transaction ends; `null`: nothing. */
export async function holdOwner(
  trx: Trx,
  { ownerId, projectId }: Pick<NewSession, 'ownerId' | 'projectId'>,
): Promise<StopReason | 'owner_leaves' | null> {
  const { erase_requested_at, disabled_at, closed_at } = await trx
    .selectFrom(['account', 'project'])
    .select(['account.erase_requested_at', 'account.disabled_at', 'project.closed_at'])
    .where('account.id', '=', ownerId)
    .where('project.id', '=', projectId)
    .forShare()
    .executeTakeFirstOrThrow()
  if (erase_requested_at !== null) return 'owner_leaves'
  if (disabled_at !== null) return 'account_disabled'
  return closed_at === null ? null : 'project_closed'
}

/** Has the starter see at once whether anybody looks after the session. One that has ended needs nobody. */
export async function wakeSession(executor: Executor, sessionId: SessionId): Promise<void> {
  await executor.updateTable('session').set(wake).where('id', '=', sessionId).where('ended_at', 'is', null).execute()
}

/**
 * Records that a session is to end, whatever its state. The first reason stays. From this transaction on `mayUse()` is
 * false. The api and the system's own activities write this intent through here alike. A repeat records nothing, but has the
 * starter look whether anybody obeys: the workflow that saw the first may be gone.
 */
export async function requestStop(
  trx: Trx,
  sessionId: SessionId,
  reason: StopReason,
): Promise<'requested' | 'already' | 'ended' | 'absent'> {
  const session = await trx
    .selectFrom('session')
    .select(['state', 'stop_requested_at', 'wake_version', 'seen_version'])
    .where('id', '=', sessionId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (session === undefined) return 'absent'
  if (isEnd(session.state)) return 'ended'
  if (session.stop_requested_at !== null) {
    const wasSeen = session.seen_version >= session.wake_version
    if (wasSeen) await trx.updateTable('session').set(wake).where('id', '=', sessionId).execute()
    return 'already'
  }
  await trx
    .updateTable('session')
    .set({ stop_requested_at: sql<Date>`now()`, stop_reason: reason, version: sql<number>`version + 1`, ...wake })
    .where('id', '=', sessionId)
    .execute()
  await recordEvent(trx, sessionId, 'session.stop_requested', { reason })
  return 'requested'
}
