import { sql } from 'kysely'
import { allows } from '../domain/doors.ts'
import { verdictOf } from '../domain/door-verdict.ts'
import type { AccountId } from '../domain/ids.ts'
import { usableMode } from '../domain/authorization.ts'
import type { Executor } from './connect.ts'
import { doorFacts } from './doors.ts'
import type { OutsideUse } from './outside-accounts.ts'
import { factsOf, passRows } from './pass-facts.ts'

interface StandingUse extends OutsideUse {
  /** A ticket for it waits to be redeemed. */
  readonly ticket: boolean
}

const keyOf = ({ sessionId, door, mode, accountId }: Omit<OutsideUse, 'generation'>): string =>
  `${sessionId} ${door} ${mode} ${accountId}`

/**
 * The uses that stand outside though nobody may come by them any more: no pass for them is good, and no ticket is about to
 * become one. Not of sessions that end: those close their doors by themselves, or have.
 */
export async function worthlessUses(executor: Executor): Promise<OutsideUse[]> {
  const standing = await standingUses(executor)
  if (standing.length === 0) return []
  const good = await goodUses(executor)
  const doubtful = standing.filter((use) => !good.has(keyOf(use)))
  const worthless: OutsideUse[] = []
  for (const { ticket, ...use } of doubtful) if (!ticket || !(await mayCome(executor, use))) worthless.push(use)
  return worthless
}

const isStanding = sql`u.noted_at is not null and u.withdraw_at is null and u.withdrawn_at is null
  and exists (select from session s where s.id = u.session_id and s.generation = u.generation
    and s.ended_at is null and s.state <> 'stopping')`

async function standingUses(executor: Executor): Promise<readonly StandingUse[]> {
  const { rows } = await sql<StandingUse>`
    select u.session_id as "sessionId", u.generation, u.door, u.mode, u.account_id as "accountId", exists (
        select from door_ticket t join token k on k.id = t.token_id join account h on h.id = k.account_id
        where t.session_id = u.session_id and t.door = u.door and t.mode = u.mode and t.account_id = u.account_id
          and t.used_at is null and t.expires_at > now() and k.revoked_at is null and k.expires_at > now()
          and h.disabled_at is null) as ticket
    from outside_use u where ${isStanding}`.execute(executor)
  return rows
}

/** The uses that a good pass is for. Read alone: what the watch does is no use of a pass. */
async function goodUses(executor: Executor): Promise<ReadonlySet<string>> {
  const rows = await passRows(executor)
    .where('p.ended_at', 'is', null)
    .where(
      sql<boolean>`exists (select from outside_use u where u.session_id = p.session_id and u.door = p.door
        and u.mode = p.mode and u.account_id = p.account_id and ${isStanding})`,
    )
    .execute()
  return new Set(
    rows
      .filter((row) => verdictOf(factsOf(row)) === 'open')
      .map(({ session_id: sessionId, door, mode, account_id: accountId }) =>
        keyOf({ sessionId, door, mode, accountId }),
      ),
  )
}

async function mayCome(executor: Executor, { sessionId, accountId, mode }: OutsideUse): Promise<boolean> {
  const facts = await doorFacts(executor, sessionId, accountId)
  if (facts?.use.state !== 'ready') return false
  return allows(usableMode(facts.use, facts.account, facts, Date.now()), mode)
}

/** The accounts that are to be removed outside. */
export async function accountsToRemove(executor: Executor): Promise<AccountId[]> {
  const rows = await executor
    .selectFrom('outside_account')
    .select('account_id')
    .where('remove_requested_at', 'is not', null)
    .orderBy('remove_requested_at')
    .limit(20)
    .execute()
  return rows.map((row) => row.account_id)
}

/** The gateway confirmed that nothing of the account is left there: what was kept for it goes, too. */
export async function recordAccountRemoved(executor: Executor, accountId: AccountId): Promise<void> {
  await executor
    .deleteFrom('outside_account')
    .where('account_id', '=', accountId)
    .where('remove_requested_at', 'is not', null)
    .execute()
}

/** Wishes that the account be removed outside; what stands for it, and its secrets, go when it was. */
export async function wantAccountRemoved(executor: Executor, accountId: AccountId): Promise<void> {
  await executor
    .updateTable('outside_account')
    .set({ remove_requested_at: sql<Date>`coalesce(remove_requested_at, now())` })
    .where('account_id', '=', accountId)
    .execute()
}
