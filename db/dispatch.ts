import { sql } from 'kysely'
import { dispatchOrder, expectedWaitSeconds, slots } from '../domain/dispatch.ts'
import type { AccountHistory, Waiting } from '../domain/dispatch.ts'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import { waitForLocks } from './connect.ts'
import type { Db, Executor } from './connect.ts'
import { lockPayers } from './admission.ts'
import { isWishOpen } from './pause-wishes.ts'
import { providerGate } from './provider-gate.ts'
import { move } from './transitions.ts'
import { explainWaiting, holdWaiting } from './waiting.ts'
import type { WaitingThere } from './waiting.ts'

/** Looked at per dispatch; more wait only behind an outage, and the next dispatch sees them. */
const longestQueue = 5_000

/**
 * Lets as many waiting sessions of the provider begin as its limit has room for, in fair order, under the provider's quota
 * row: exact across processes. While its breaker is open only one begins, the probe, which no one else may claim for `probeMs`.
 * Returns who begins; the starter tells their workflows. Throws what `isLockedOut` knows where others keep the row locked.
 */
export async function dispatch(
  db: Db,
  providerId: ProviderId,
  probeMs: number,
  lockTimeoutMs?: number,
): Promise<readonly SessionId[]> {
  return await db.transaction().execute(async (trx) => {
    if (lockTimeoutMs !== undefined) await waitForLocks(trx, lockTimeoutMs)
    await lockPayers(trx, [{ kind: 'provider', id: providerId }])
    const gate = await providerGate(trx, providerId)
    const { count, probe } = slots(gate)
    if (gate.queued === 0) return []
    const waitingFor = gate.open && gate.breaker === 'closed' ? 'provider_busy' : 'provider_unavailable'
    const chosen = count === 0 ? [] : (await inOrder(trx, providerId)).slice(0, count).sort(byId)
    const left: WaitingThere | null = chosen.length < gate.queued ? { providerIds: [providerId], waitingFor } : null
    if (left !== null && count > 0) await holdWaiting(trx, left, chosen.map(idOf))
    const begun: SessionId[] = []
    for (const { sessionId, generation, resumes } of chosen) {
      const moved = await move(trx, {
        key: { sessionId, generation },
        from: ['queued'],
        ...(resumes
          ? { to: 'resuming', set: { waiting_for: null } }
          : { to: 'provisioning', set: { dispatched_at: 'now', waiting_for: null } }),
        wake: true,
      })
      if (moved.kind === 'moved') begun.push(sessionId)
    }
    if (probe && begun[0] !== undefined) {
      await trx
        .updateTable('provider_health')
        .set({
          state: 'probing',
          probe_session_id: begun[0],
          retry_at: sql<Date>`now() + ${probeMs} * interval '1 millisecond'`,
        })
        .where('provider_id', '=', providerId)
        .execute()
    }
    if (left !== null) await explainWaiting(trx, left)
    return begun
  })
}

const idOf = ({ sessionId }: WaitingRow): SessionId => sessionId

/** Whoever locks many sessions locks them in this order: of two who do, none waits for the other. */
const byId = (a: WaitingRow, b: WaitingRow) => (a.sessionId < b.sessionId ? -1 : 1)

interface WaitingRow extends Waiting {
  readonly sessionId: SessionId
  readonly generation: number
  /** It was paused, and goes on. */
  readonly resumes: boolean
}

async function inOrder(executor: Executor, providerId: ProviderId): Promise<WaitingRow[]> {
  const rows = await executor
    .selectFrom('session')
    .select(['id', 'generation', 'owner_id', 'queued_at', 'requested_at', isWishOpen('session').as('resumes')])
    .where('provider_id', '=', providerId)
    .where('state', '=', 'queued')
    .where('ended_at', 'is', null)
    .where('stop_requested_at', 'is', null)
    .orderBy('queued_at')
    .limit(longestQueue)
    .execute()
  const waiting = rows.map((row): WaitingRow => ({
    sessionId: row.id,
    generation: row.generation,
    resumes: row.resumes,
    accountId: row.owner_id,
    queuedAt: (row.queued_at ?? row.requested_at).getTime(),
  }))
  return dispatchOrder(waiting, await historyOf(executor, providerId, [...new Set(waiting.map((w) => w.accountId))]))
}

async function historyOf(
  executor: Executor,
  providerId: ProviderId,
  accounts: readonly string[],
): Promise<ReadonlyMap<string, AccountHistory>> {
  const { rows } = await sql<{ account: string; beginning: number; last: Date | null }>`
    select account,
      (select count(*)::int from session where provider_id = ${providerId} and owner_id = account
        and state in ('provisioning', 'resuming') and ended_at is null) as beginning,
      (select max(dispatched_at) from session where provider_id = ${providerId} and owner_id = account) as last
    from unnest(${accounts}::text[]) as account
  `.execute(executor)
  return new Map(rows.map((r) => [r.account, { beginning: r.beginning, lastBeganAt: r.last?.getTime() ?? null }]))
}

/** Where a queued session stands (0 = next), and in how many seconds it should begin, where recent starts tell. `null`: it does not wait. */
export async function queuePosition(
  executor: Executor,
  session: { readonly id: SessionId; readonly providerId: ProviderId },
): Promise<{ readonly position: number; readonly etaSeconds: number | null } | null> {
  const order = await inOrder(executor, session.providerId)
  const position = order.findIndex((w) => w.sessionId === session.id)
  if (position < 0) return null
  return { position, etaSeconds: await expectedWait(executor, session.providerId, position) }
}

/** In how many seconds the session at `position` of the provider's queue should begin, from the last twenty starts. */
export async function expectedWait(
  executor: Executor,
  providerId: ProviderId,
  position: number,
): Promise<number | null> {
  const { rows } = await sql<{ start_limit: number; seconds: number | null }>`
    select p.start_limit, (select percentile_cont(0.5) within group (order by extract(epoch from ready_at - dispatched_at))
      from (select ready_at, dispatched_at from session where provider_id = p.id and ready_at is not null
        order by ready_at desc limit 20) recent) as seconds
    from provider p where p.id = ${providerId}
  `.execute(executor)
  const row = rows[0]
  return row === undefined ? null : expectedWaitSeconds(position, row.start_limit, row.seconds)
}
