import { sql } from 'kysely'
import { countDeeds, countWithdrawals, isWithdrawal, loginsIn, mostReported, withdrawals } from '../domain/catalogue.ts'
import type { CatalogueReport, SyncAction, SyncOutcome } from '../domain/catalogue.ts'
import { planSync, withheldOf } from '../domain/catalogue-plan.ts'
import type { JointBound, SyncPlan } from '../domain/catalogue-plan.ts'
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
  /** How often everybody's lists are read. */
  readonly everyMs: number
  readonly changesPerBatch?: number
}

interface Decision {
  readonly allow_withdrawals: number
  readonly may_withdraw: boolean | null
  readonly report: CatalogueReport | null
}

/** Changes that one transaction makes by default. */
const usualChangesPerBatch = 250

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
    const isOfAll = sync.account_id === null
    if (lists.listings.length === 0) {
      await endSync(trx, id, outcomeOfNothing(lists, isOfAll), reportOf(lists, { actions: [], extent: 0 }))
      return { more: false }
    }
    const known = await readKnown(trx, source, lists.listings)
    const logins = loginsIn(lists.listings.map(({ listing }) => listing))
    const accountsOf = await accountsByOfficeLogin(trx, rules.issuers, logins)
    const plan = planSync({ listings: lists.listings, known, accountsOf })
    const joint = isOfAll || sync.may_withdraw !== null ? null : await jointBound(trx, source)
    const withheld = sync.may_withdraw === false ? null : withheldOf(plan, allowanceOf(sync), joint)
    const decided = sync.may_withdraw !== false && withheld === null
    const report = { ...(sync.report ?? reportOf(lists, plan)), ...(withheld === null ? {} : { withheld }) }
    const outcome = !decided ? 'withheld' : isDenied(lists) ? 'denied' : 'done'
    if (sync.dry_run) {
      await endSync(trx, id, outcome, report)
      return { more: false }
    }
    if (sync.may_withdraw !== decided)
      await trx
        .updateTable('catalogue_sync')
        .set({ may_withdraw: decided, report: JSON.stringify(report) })
        .where('id', '=', id)
        .execute()
    const todo = decided ? plan.actions : plan.actions.filter((action) => !isWithdrawal(action))
    const { changesPerBatch: perBatch = usualChangesPerBatch } = rules
    let [at, done] = [0, 0]
    // What turns out to change nothing does not keep the rest from being done.
    for (; at < todo.length && done < perBatch; at += perBatch)
      done += await carryOut(trx, source, lists, rules, todo.slice(at, at + perBatch))
    await trx
      .updateTable('catalogue_sync')
      .set({ changed: sql<number>`changed + ${done}` })
      .where('id', '=', id)
      .execute()
    if (at < todo.length) return { more: true }
    await noteSynced(trx, id, source)
    // Those whom the catalogue does not list are stale by themselves.
    if (isOfAll && lists.unread.every(({ gap }) => gap === 'refused'))
      await noteAllSynced(trx, source, sync.started_at, rules.everyMs)
    await endSync(trx, id, outcome, null)
    return { more: false }
  })
}

/** How many withdrawals are allowed: once some are decided on, those, and no others that turn up meanwhile. */
const allowanceOf = ({ allow_withdrawals: allowed, may_withdraw: isDecided, report }: Decision): number =>
  isDecided === true && report !== null ? Math.max(allowed, countWithdrawals(report.counts)) : allowed

const isDenied = ({ unread }: ReadLists): boolean => unread.some(({ gap }) => gap === 'denied')

/** That it does not list the one person who was asked about is an answer; that it lists nobody at all is none. */
function outcomeOfNothing(lists: ReadLists, isOfAll: boolean): SyncOutcome {
  if (isDenied(lists)) return 'denied'
  const isAnswer = lists.unread.length === 0 || (!isOfAll && lists.unread.every(({ gap }) => gap === 'refused'))
  return isAnswer ? 'done' : 'unreachable'
}

/** What bounds the lists of single persons together: all of this source, since everybody's were last read. */
async function jointBound(trx: Trx, source: string): Promise<JointBound> {
  const { rows } = await sql<JointBound>`
    with last as (
      select id, outcome from catalogue_sync
      where source = ${source} and account_id is null and not dry_run and outcome in ('done', 'withheld')
      order by id desc limit 1)
    select coalesce((select outcome = 'withheld' from last), false) as "isWithheld",
      (select coalesce(sum(c.count::int), 0)::int from catalogue_sync s, jsonb_each_text(s.report -> 'counts') c (deed, count)
        where s.source = ${source} and s.account_id is not null and s.may_withdraw and not s.dry_run
          and s.id > coalesce((select id from last), '') and c.deed = any(${[...withdrawals]})) as taken,
      (select count(*)::int from project_member where source = ${source})
        + (select count(*)::int from experiment_member where source = ${source})
        + (select count(*)::int from experiment where source = ${source} and withdrawn_at is null) as extent`.execute(
    trx,
  )
  return rows[0] ?? { taken: 0, extent: 0, isWithheld: false }
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

/** Whose lists were read, it is here as they say. */
async function noteSynced(trx: Trx, id: SyncId, source: string): Promise<void> {
  await sql`
    insert into catalogue_standing (source, account_id, synced_at)
    select ${source}, account_id, min(read_at) from catalogue_listing where sync_id = ${id}
    group by account_id having bool_and(listing is not null)
    on conflict (source, account_id) do update
      set synced_at = greatest(catalogue_standing.synced_at, excluded.synced_at), stale_since = null`.execute(trx)
}

/** And that is all there is. The next time may take as long again as it is away. */
async function noteAllSynced(trx: Trx, source: string, at: Date | null, everyMs: number): Promise<void> {
  await sql`
    insert into catalogue_standing (source, account_id, synced_at, fresh_until)
    values (${source}, '', ${at}, ${at}::timestamptz + ${2 * everyMs} * interval '1 millisecond')
    on conflict (source, account_id) do update
      set synced_at = greatest(catalogue_standing.synced_at, excluded.synced_at), stale_since = null,
        fresh_until = excluded.fresh_until`.execute(trx)
}

function reportOf({ listings, unread }: ReadLists, plan: SyncPlan): CatalogueReport {
  const faults = [
    ...unread.flatMap(({ accountId, gap, why }) =>
      gap === 'refused' && accountId !== null ? [{ record: accountId, field: 'list', message: why }] : [],
    ),
    ...listings.flatMap(({ listing }) => listing.faults),
  ]
  // What is taken is read first.
  const changes = [...plan.actions.filter(isWithdrawal), ...plan.actions.filter((action) => !isWithdrawal(action))]
  return {
    read: new Set(listings.map(({ accountId }) => accountId)).size,
    unread: unread.length,
    why: unread[0]?.why ?? null,
    counts: countDeeds(plan.actions),
    changes: changes.slice(0, mostReported),
    faults: faults.slice(0, mostReported),
    faultCount: faults.length,
    withheld: null,
  }
}
