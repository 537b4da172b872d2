import { sql } from 'kysely'
import type { AccountId, ProjectId } from '../domain/ids.ts'
import { recordAudit } from './audit.ts'
import type { Db, Trx } from './connect.ts'
import { endPasses } from './connections.ts'
import { forgetInvitationsOf } from './invitation-erasure.ts'
import { wantAccountRemoved } from './outside-watch.ts'
import { closeProject } from './project-standing.ts'
import { lockProject, touchProject } from './projects.ts'
import { pruneSessionsOf, withoutName } from './retention.ts'
import { briefly, rowsPerBatch } from './upkeep.ts'
import type { Batch } from './upkeep.ts'
import { verifiedEmailsOf } from './verified-emails.ts'

/**
 * Takes one account that is to be erased and has no live session: first what is personal in its sessions, a batch at a time,
 * then, in one transaction, all else. What remains is its id, which means nobody and is never given again. `done`: accounts
 * that are erased now.
 */
export async function eraseNext(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const next = await sql<{ id: AccountId }>`
      select id from account a
      where erase_requested_at is not null and erased_at is null
        and not exists (select from session s where s.owner_id = a.id and s.ended_at is null)
      order by erase_requested_at limit 1 for no key update skip locked`.execute(trx)
    const id = next.rows[0]?.id
    if (id === undefined) return { done: 0, more: false }
    // Who was just writing a session of it when it was chosen has done so by now, and nobody can begin another.
    if (await hasLiveSessions(trx, id)) return { done: 0, more: false }
    if ((await pruneSessionsOf(trx, id)) === rowsPerBatch) return { done: 0, more: true }
    await leaveProjects(trx, id)
    await anonymise(trx, id)
    return { done: 1, more: true }
  })
}

async function hasLiveSessions(trx: Trx, id: AccountId): Promise<boolean> {
  const live = await trx
    .selectFrom('session')
    .select('id')
    .where('owner_id', '=', id)
    .where('ended_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return live !== undefined
}

/** Ends its memberships but the one in its personal project. A project without another owner is closed. */
async function leaveProjects(trx: Trx, id: AccountId): Promise<void> {
  const memberships = await trx
    .selectFrom('project_member as m')
    .innerJoin('project as p', 'p.id', 'm.project_id')
    .select('m.project_id')
    .where('m.account_id', '=', id)
    .where((eb) => eb.or([eb('p.personal_of', 'is', null), eb('p.personal_of', '<>', id)]))
    .orderBy('m.project_id')
    .execute()
  for (const { project_id: projectId } of memberships) {
    await lockProject(trx, projectId)
    await trx.deleteFrom('project_member').where('project_id', '=', projectId).where('account_id', '=', id).execute()
    await touchProject(trx, projectId)
  }
  const ownerless = memberships.map((m) => m.project_id)
  // Nobody could say any more who belongs to them.
  for (const projectId of await withoutOwner(trx, ownerless)) {
    await closeProject(trx, projectId)
    await record(trx, 'closeProject', { kind: 'project', id: projectId })
  }
}

async function withoutOwner(trx: Trx, ids: readonly ProjectId[]): Promise<ProjectId[]> {
  if (ids.length === 0) return []
  const rows = await trx
    .selectFrom('project as p')
    .select('p.id')
    .where('p.id', 'in', [...ids])
    .where('p.closed_at', 'is', null)
    // Of these a catalogue says it.
    .where('p.source', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('project_member as m')
            .select('m.account_id')
            .whereRef('m.project_id', '=', 'p.id')
            .where('m.role', '=', 'owner'),
        ),
      ),
    )
    .orderBy('p.id')
    .execute()
  return rows.map((row) => row.id)
}

async function anonymise(trx: Trx, id: AccountId): Promise<void> {
  const emails = await verifiedEmailsOf(trx, id)
  await trx.deleteFrom('identity').where('account_id', '=', id).execute()
  await trx.deleteFrom('idempotency_key').where('account_id', '=', id).execute()
  // What it had open of others' sessions, and from where it came.
  await endPasses(trx, { accountId: id }, 'withdrawn')
  await trx.deleteFrom('door_pass').where('account_id', '=', id).execute()
  await trx.deleteFrom('door_ticket').where('account_id', '=', id).execute()
  await trx.deleteFrom('collaborator').where('account_id', '=', id).execute()
  await trx.deleteFrom('experiment_member').where('account_id', '=', id).execute()
  await trx.deleteFrom('favourite').where('account_id', '=', id).execute()
  await trx.deleteFrom('catalogue_listing').where('account_id', '=', id).execute()
  await trx.deleteFrom('catalogue_standing').where('account_id', '=', id).execute()
  await trx.deleteFrom('browser_session').where('account_id', '=', id).execute()
  // What it is at a gateway outside is removed by who watches that, who then forgets its secrets here.
  await wantAccountRemoved(trx, id)
  await trx
    .updateTable('token')
    .set({ name: withoutName, client: withoutName, revoked_at: sql<Date>`coalesce(revoked_at, now())` })
    .where('account_id', '=', id)
    .execute()
  await trx
    .updateTable('project')
    .set({
      name: withoutName,
      description: '',
      closed_at: sql<Date>`coalesce(closed_at, now())`,
      version: sql<number>`version + 1`,
    })
    .where('personal_of', '=', id)
    .execute()
  await trx
    .updateTable('account')
    .set({
      display_name: withoutName,
      email: null,
      organisation: null,
      roles: ['member'],
      groups: [],
      posix: null,
      disabled_at: sql<Date>`coalesce(disabled_at, now())`,
      erased_at: sql<Date>`now()`,
      version: sql<number>`version + 1`,
    })
    .where('id', '=', id)
    .execute()
  await forgetInvitationsOf(trx, id, emails)
  await record(trx, 'eraseAccount', { kind: 'account', id })
}

async function record(trx: Trx, action: string, subject: { readonly kind: string; readonly id: string }) {
  const nobody = { accountId: null, client: 'retention', onBehalfOf: null, requestId: null }
  await recordAudit(trx, { ...nobody, action, subject, outcome: 'accepted' })
}
