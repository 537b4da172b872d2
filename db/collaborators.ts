import { sql } from 'kysely'
import { isEnd } from '../domain/lifecycle.ts'
import { grantedMode, mayShareWith, stricter } from '../domain/authorization.ts'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { DoorMode, Sharing } from '../domain/template.ts'
import { endPasses, holdPasses } from './connections.ts'
import type { Executor, Trx } from './connect.ts'
import { holdsData, mayHaveData, mayHaveDataOf } from './data-rights.ts'
import { recordEvent } from './events.ts'
import { holdUsable } from './leaving.ts'
import { pageOf } from './paging.ts'
import type { Page, PageAsk } from './paging.ts'
import { voidTickets } from './tickets.ts'

export interface Collaborator {
  readonly accountId: AccountId
  readonly displayName: string
  readonly mode: DoorMode
  readonly addedAt: Date
  /** Template and project still allow it. */
  readonly isStanding: boolean
}

export async function listCollaborators(
  executor: Executor,
  sessionId: SessionId,
  { after, limit }: PageAsk,
): Promise<Page<Collaborator>> {
  const rows = await executor
    .selectFrom('collaborator as c')
    .innerJoin('account as a', 'a.id', 'c.account_id')
    .select(['a.id', 'a.display_name', 'c.mode', 'c.added_at'])
    .select(
      sql<boolean>`(a.disabled_at is null and exists (select from standing_collaborator s
        where s.session_id = c.session_id and s.account_id = c.account_id))`.as('is_standing'),
    )
    .where('c.session_id', '=', sessionId)
    .$if(after !== null, (q) => q.where('a.id', '<', after as AccountId))
    .orderBy('a.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, (row) => ({
    accountId: row.id,
    displayName: row.display_name,
    mode: row.mode,
    addedAt: row.added_at,
    isStanding: row.is_standing,
  }))
}

/** The version of the session's row, which a change of its collaborators raises. `null`: there is no such session. */
export async function sessionVersion(executor: Executor, sessionId: SessionId): Promise<number | null> {
  const row = await executor.selectFrom('session').select('version').where('id', '=', sessionId).executeTakeFirst()
  return row?.version ?? null
}

/** Collaborators that a session may have. */
export const mostCollaborators = 100

/**
 * `no_right`: the owner may not use the session any more. `members_only`: sharing is with members of the project alone, or their data is mounted. `changed`: the session is at another
 * version. `full`: it has as many as it may.
 */
export type CollaboratorChange =
  | 'done'
  | 'absent'
  | 'ended'
  | 'no_right'
  | 'changed'
  | 'no_account'
  | 'owner'
  | 'sharing_off'
  | 'members_only'
  | 'full'

// Who changes what somebody may do, and who comes in, lock in this order: passes, session, collaborator, tickets.

/** Lets an account into the session in this mode, or changes its mode: what it has open in another one ends. */
export async function putCollaborator(
  trx: Trx,
  sessionId: SessionId,
  { accountId, mode }: { readonly accountId: AccountId; readonly mode: DoorMode },
  versions: readonly number[] | null,
): Promise<CollaboratorChange> {
  const usable = (await holdUsable(trx, [accountId])).has(accountId)
  await holdPasses(trx, sessionId, accountId)
  const facts = await sharingFacts(trx, sessionId, accountId)
  const refusal = refusalOf(facts, usable ? accountId : null, versions)
  if (refusal !== null) return refusal
  const before = facts?.mode ?? null
  if (before === mode) return 'done'
  if (before === null && (facts?.count ?? 0) >= mostCollaborators) return 'full'
  await trx
    .insertInto('collaborator')
    .values({ session_id: sessionId, account_id: accountId, mode })
    .onConflict((conflict) => conflict.columns(['session_id', 'account_id']).doUpdateSet({ mode }))
    .execute()
  if (before === 'control') await leave(trx, sessionId, accountId)
  await raiseVersion(trx, sessionId)
  await recordEvent(trx, sessionId, 'session.shared', { accountId, mode })
  return 'done'
}

/** Ends it that an account may enter, and all that it has open. Whoever was not let in is `absent`. */
export async function removeCollaborator(
  trx: Trx,
  sessionId: SessionId,
  accountId: AccountId,
): Promise<'done' | 'absent'> {
  await holdPasses(trx, sessionId, accountId)
  await trx.selectFrom('session').select('id').where('id', '=', sessionId).forNoKeyUpdate().execute()
  const { numDeletedRows } = await trx
    .deleteFrom('collaborator')
    .where('session_id', '=', sessionId)
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  if (numDeletedRows === 0n) return 'absent'
  await leave(trx, sessionId, accountId)
  await raiseVersion(trx, sessionId)
  await recordEvent(trx, sessionId, 'session.unshared', { accountId })
  return 'done'
}

async function leave(trx: Trx, sessionId: SessionId, accountId: AccountId): Promise<void> {
  await voidTickets(trx, sessionId, accountId)
  await endPasses(trx, { sessionId, accountId }, 'withdrawn')
}

async function raiseVersion(trx: Trx, sessionId: SessionId): Promise<void> {
  await trx
    .updateTable('session')
    .set({ version: sql<number>`version + 1` })
    .where('id', '=', sessionId)
    .execute()
}

type SharingRow = Awaited<ReturnType<typeof sharingFacts>>

/** Locks the session, so that changes of its collaborators follow one another. */
async function sharingFacts(trx: Trx, sessionId: SessionId, accountId: AccountId) {
  return await trx
    .selectFrom('session as s')
    .innerJoin('project as p', 'p.id', 's.project_id')
    .innerJoin('template_version as v', (join) =>
      join.onRef('v.template_id', '=', 's.template_id').onRef('v.version', '=', 's.template_version'),
    )
    .leftJoin('project_member as m', (join) =>
      join.onRef('m.project_id', '=', 's.project_id').on('m.account_id', '=', accountId),
    )
    .leftJoin('collaborator as c', (join) => join.onRef('c.session_id', '=', 's.id').on('c.account_id', '=', accountId))
    .leftJoin('project_member as o', (join) =>
      join.onRef('o.project_id', '=', 's.project_id').onRef('o.account_id', '=', 's.owner_id'),
    )
    .select(['o.role as owner_role', mayHaveData('s.owner_id', 'workers').as('owner_may_have_data')])
    .select([holdsData.as('holds_data'), mayHaveDataOf(accountId).as('may_have_data')])
    .select(['s.state', 's.stop_requested_at', 's.owner_id', 's.version', 'p.sharing', 'm.role', 'c.mode'])
    .select(sql<Sharing | null>`v.spec ->> 'sharing'`.as('template_sharing'))
    .select(sql<number>`(select count(*)::int from collaborator n where n.session_id = s.id)`.as('count'))
    .where('s.id', '=', sessionId)
    .forNoKeyUpdate('s')
    .executeTakeFirst()
}

function refusalOf(
  row: SharingRow,
  accountId: AccountId | null,
  versions: readonly number[] | null,
): Exclude<CollaboratorChange, 'done' | 'full'> | null {
  if (row === undefined) return 'absent'
  if (versions !== null && !versions.includes(row.version)) return 'changed'
  if (isEnd(row.state) || row.stop_requested_at !== null) return 'ended'
  const sharing = { template: row.template_sharing ?? 'off', project: row.sharing, holdsData: row.holds_data }
  // What one has lost oneself, one gives to nobody.
  const own = { projectRole: row.owner_role, collaborator: null }
  const { owner_id: ownerId, owner_role: ownerRole, owner_may_have_data: ownerMayHaveData } = row
  const session = { ownerId, ownerRole, sharing, ownerMayHaveData }
  if (grantedMode(session, { id: row.owner_id, disabledAt: null }, own) === null) return 'no_right'
  if (stricter(sharing.template, sharing.project) === 'off') return 'sharing_off'
  if (accountId === null) return 'no_account'
  if (row.owner_id === accountId) return 'owner'
  return row.may_have_data && mayShareWith(sharing, row.role) ? null : 'members_only'
}
