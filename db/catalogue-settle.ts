import { sql } from 'kysely'
import { countDeeds, isWithdrawal, loginsIn, mostReported } from '../domain/catalogue.ts'
import type { CatalogueReport, SyncAction } from '../domain/catalogue.ts'
import { planSync, withheldOf } from '../domain/catalogue-plan.ts'
import type { SyncPlan } from '../domain/catalogue-plan.ts'
import type { AccessRule, WithdrawalPolicy } from '../domain/experiment.ts'
import type { SyncId } from '../domain/ids.ts'
import { applyActions } from './catalogue-apply.ts'
import { readKnown, readLists } from './catalogue-known.ts'
import type { ReadLists } from './catalogue-known.ts'
import { endSync } from './catalogue-syncs.ts'
import type { Db, Trx } from './connect.ts'
import { accountsByOfficeLogin } from './office-logins.ts'
import { stopWithdrawn } from './withdrawals.ts'

export interface SettleRules {
  /** The issuers whose word counts of who has which login there. */
  readonly issuers: readonly string[]
  readonly access: AccessRule
  readonly withdrawn: WithdrawalPolicy
}

/** Changes that one transaction makes. */
const actionsPerBatch = 250

/**
 * Does a part of what a sync has found: plans on what is here now, one sync of a source at a time, decides once whether the withdrawals
 * are made, does some, and closes the sync when nothing is left. Returns whether there is more. A repeat goes on where it was.
 */
export async function settleSync(
  db: Db,
  { id, source }: { readonly id: SyncId; readonly source: string },
  rules: SettleRules,
): Promise<{ readonly more: boolean }> {
  return await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtext('carrel catalogue'), hashtext(${source}))`.execute(trx)
    const sync = await trx
      .selectFrom('catalogue_sync')
      .selectAll()
      .where('id', '=', id)
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (sync === undefined || sync.ended_at !== null) return { more: false }
    const lists = await readLists(trx, id, source)
    if (lists.listings.length === 0) {
      const nothingNew = lists.unread === 0
      await endSync(trx, id, nothingNew ? 'done' : 'unreachable', reportOf(lists, { actions: [], extent: 0 }, null))
      return { more: false }
    }
    const known = await readKnown(trx, source, lists.listings)
    const logins = loginsIn(lists.listings.map(({ listing }) => listing))
    const accountsOf = await accountsByOfficeLogin(trx, rules.issuers, logins)
    const plan = planSync({ listings: lists.listings, known, accountsOf })
    const decided = sync.may_withdraw ?? withheldOf(plan, sync.allow_withdrawals) === null
    const report = sync.report ?? reportOf(lists, plan, decided ? null : plan.actions.filter(isWithdrawal).length)
    const outcome = decided ? 'done' : 'withheld'
    if (sync.dry_run) {
      await endSync(trx, id, outcome, report)
      return { more: false }
    }
    if (sync.may_withdraw === null)
      await trx
        .updateTable('catalogue_sync')
        .set({ may_withdraw: decided, report: JSON.stringify(report) })
        .where('id', '=', id)
        .execute()
    const todo = decided ? plan.actions : plan.actions.filter((action) => !isWithdrawal(action))
    const done = await carryOut(trx, source, lists, rules, todo.slice(0, actionsPerBatch))
    if (done > 0 && todo.length > actionsPerBatch) return { more: true }
    await noteSynced(trx, id, source, sync.account_id === null && lists.unread === 0)
    await endSync(trx, id, outcome, null)
    return { more: false }
  })
}

async function carryOut(
  trx: Trx,
  source: string,
  { listings }: ReadLists,
  { access, withdrawn }: SettleRules,
  actions: readonly SyncAction[],
): Promise<number> {
  if (actions.length === 0) return 0
  // Of two lists that tell of one thing the first is heard, as in the plan.
  const all = listings.flatMap(({ listing }) => listing.projects).toReversed()
  const projects = new Map(all.map((project) => [project.externalId, project]))
  const experiments = new Map(
    all.flatMap((project) => project.experiments.toReversed().map((one) => [one.externalId, one] as const)),
  )
  const { done, projectIds } = await applyActions(trx, { source, projects, experiments, rule: access }, actions)
  if (actions.some(takesAway)) for (const projectId of projectIds) await stopWithdrawn(trx, withdrawn, projectId)
  return done
}

/** A role may become a lesser one, and data be for fewer. */
const takesAway = (action: SyncAction): boolean =>
  isWithdrawal(action) || action.do === 'changeRole' || action.do === 'changeExperiment'

/** What was read is what is here now. `isAll`: and that was everybody's. */
async function noteSynced(trx: Trx, id: SyncId, source: string, isAll: boolean): Promise<void> {
  if (isAll)
    await trx
      .updateTable('catalogue_standing')
      .set({ stale_since: null })
      .where('source', '=', source)
      .where('account_id', '=', '')
      .execute()
  await sql`
    insert into catalogue_standing (source, account_id, synced_at)
    select ${source}, account_id, read_at from catalogue_listing where sync_id = ${id} and listing is not null
    on conflict (source, account_id) do update
      set synced_at = greatest(catalogue_standing.synced_at, excluded.synced_at), stale_since = null`.execute(trx)
}

function reportOf({ listings, unread, why }: ReadLists, plan: SyncPlan, withheld: number | null): CatalogueReport {
  const faults = listings.flatMap(({ listing }) => listing.faults)
  // What is taken is read first.
  const changes = [...plan.actions.filter(isWithdrawal), ...plan.actions.filter((action) => !isWithdrawal(action))]
  return {
    read: listings.length,
    unread,
    why,
    counts: countDeeds(plan.actions),
    changes: changes.slice(0, mostReported),
    faults: faults.slice(0, mostReported),
    faultCount: faults.length,
    withheld,
  }
}
