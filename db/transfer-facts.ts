import { sql } from 'kysely'
import { isOver } from '../domain/authorization.ts'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { PauseWish } from '../domain/pausing.ts'
import type { Posix } from '../domain/posix.ts'
import type { Resources } from '../domain/resources.ts'
import { isVisible } from '../domain/template.ts'
import type { TemplateSpec } from '../domain/template.ts'
import type { TransferFacts } from '../domain/transfer.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Executor, Trx } from './connect.ts'
import { mayHaveDataOf } from './data-rights.ts'
import { grantExperiment, readExperimentGrounds } from './experiment-grants.ts'
import { sessionExpiry } from './pass-facts.ts'
import { resourcesOf } from './resource-columns.ts'
import { missingSources } from './storage-sources.ts'
import { owesTerms } from './terms.ts'
import type { TransferRules } from './transfers.ts'

/** A session that is locked, with all that decides whether it may be another account's, of one moment. */
export interface LockedTransfer {
  readonly key: SessionKey
  readonly ownerId: AccountId
  readonly facts: TransferFacts
  /** What it holds now; `null`: nothing. */
  readonly held: Resources | null
}

/** Locks the session, and reads what decides. The accounts, the project and the experiment are locked before. `null`: there is no such session. */
export async function lockTransfer(
  trx: Trx,
  sessionId: SessionId,
  heirId: AccountId,
  { access: rule, outside }: TransferRules,
): Promise<LockedTransfer | null> {
  await trx.selectFrom('session').select('id').where('id', '=', sessionId).forNoKeyUpdate().execute()
  const row = await trx
    .selectFrom('session as s')
    .innerJoin('template as t', 't.id', 's.template_id')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 't.id').onRef('v.version', '=', 't.current_version'),
    )
    .innerJoin('template_version as own', (join) =>
      join.onRef('own.template_id', '=', 's.template_id').onRef('own.version', '=', 's.template_version'),
    )
    .innerJoin('account as o', 'o.id', 's.owner_id')
    .leftJoin('instance as i', (join) =>
      join.onRef('i.session_id', '=', 's.id').onRef('i.generation', '=', 's.generation'),
    )
    .leftJoin('reservation as r', (join) =>
      join
        .onRef('r.session_id', '=', 's.id')
        .onRef('r.generation', '=', 's.generation')
        .on('r.released_at', 'is', null),
    )
    .select(['s.state', 's.generation', 's.owner_id', 's.project_id', 's.provider_id', 's.mounts', 's.experiment_id'])
    .select(['s.stop_requested_at', 's.expires_at as session_expires_at', 's.lifetime_ends_at'])
    .select(['i.runs_as', 'o.posix as owner_posix', 'r.session_id as reserved'])
    .select(['r.sessions', 'r.cpu_milli', 'r.memory_mib', 'r.disk_mib', 'r.gpus'])
    .select([
      sql<number | null>`(own.spec ->> 'sessionsPerExperiment')::int`.as('per_experiment'),
      sql<TemplateSpec['visibleTo']>`v.spec -> 'visibleTo'`.as('visible_to'),
      sql<boolean>`(own.spec ->> 'user') = 'account'`.as('runs_as_account'),
      mayHaveDataOf(heirId).as('may_have_data'),
      sql<PauseWish | null>`case when s.pause_wish_number > s.pause_settled_number then s.pause_wish end`.as('wish'),
      sql<Date>`now()`.as('now'),
    ])
    .where('s.id', '=', sessionId)
    .executeTakeFirst()
  if (row === undefined) return null
  const heir = await readHeir(trx, heirId)
  const { experiment_id: experimentId, per_experiment } = row
  const ask = { accountId: heirId, except: sessionId, most: per_experiment ?? 1, rule }
  const experiment = experimentId === null ? null : await standingIn(trx, { ...ask, experimentId })
  // What is its experiment's, goes with that.
  const mounts = row.mounts.filter(
    ({ source }) => source.kind !== 'experiment' || experimentId === null || !source.id.startsWith(`${experimentId}.`),
  )
  const missing = await missingSources(trx, row.project_id, mounts)
  const over = {
    state: row.state,
    stopRequestedAt: row.stop_requested_at?.getTime() ?? null,
    expiresAt: sessionExpiry(row),
  }
  const viewer = {
    accountId: heirId,
    organisation: heir.organisation,
    groups: heir.groups,
    projectIds: heir.projectIds,
  }
  const facts: TransferFacts = {
    state: row.state,
    isOver: isOver(over, row.now.getTime()),
    wish: row.wish,
    ownerId: row.owner_id,
    // One from before that was kept ran as its owner did.
    runsAs: row.runs_as_account && experiment?.hasUser !== true ? (row.runs_as ?? row.owner_posix) : null,
    mountsStand: missing(row.provider_id).length === 0 && row.may_have_data,
    heir: {
      id: heirId,
      isUsable: heir.isUsable,
      projectRole: heir.roles.find((member) => member.projectId === row.project_id)?.role ?? null,
      owesTerms: heir.owesTerms,
      posix: heir.posix,
      seesTemplate: isVisible(row.visible_to, viewer),
      mayUseExperiment: experiment?.granted ?? true,
      mayUseResources: experimentId !== null || outside,
    },
  }
  return {
    key: { sessionId, generation: row.generation },
    ownerId: row.owner_id,
    facts,
    held: row.reserved === null ? null : heldOf(row),
  }
}

/** A session, or all of an owner's. */
export type OutsideAsk = { readonly sessionId: SessionId } | { readonly ownerId: AccountId }

/** Whether one of them that has not ended belongs to no experiment. It never comes to belong to one. */
export async function hasSessionOutside(executor: Executor, ask: OutsideAsk): Promise<boolean> {
  const row = await executor
    .selectFrom('session')
    .select('id')
    .where('ended_at', 'is', null)
    .where('experiment_id', 'is', null)
    .where((eb) => ('sessionId' in ask ? eb('id', '=', ask.sessionId) : eb('owner_id', '=', ask.ownerId)))
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** What the account would stand on in the experiment, and whether that says as whom its sessions run. */
async function standingIn(trx: Trx, ask: Parameters<typeof grantExperiment>[1]) {
  const { verdict } = await grantExperiment(trx, ask)
  const grounds = await readExperimentGrounds(trx, ask)
  return { granted: verdict === 'granted', hasUser: grounds !== null && grounds.posix !== null }
}

type Held = Parameters<typeof resourcesOf<number | null>>[0]

/** Of a row that is there every column is. */
const heldOf = (row: Held): Resources => resourcesOf<number>(row as Parameters<typeof resourcesOf<number>>[0])

async function readHeir(trx: Trx, id: AccountId) {
  const row = await trx
    .selectFrom('account as a')
    .select(['a.disabled_at', 'a.erase_requested_at', 'a.organisation', 'a.groups', 'a.posix'])
    .select(sql<boolean>`${sql.raw(owesTerms)}`.as('owes'))
    .where('a.id', '=', id)
    .executeTakeFirst()
  const roles = await trx
    .selectFrom('project_member')
    .select(['project_id as projectId', 'role'])
    .where('account_id', '=', id)
    .execute()
  return {
    isUsable: row !== undefined && row.disabled_at === null && row.erase_requested_at === null,
    organisation: row?.organisation ?? null,
    groups: row?.groups ?? [],
    posix: (row?.posix ?? null) satisfies Posix | null,
    owesTerms: row?.owes ?? false,
    roles,
    projectIds: roles.map(({ projectId }) => projectId),
  }
}
