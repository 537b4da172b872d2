import { sql } from 'kysely'
import { admit } from '../domain/admission.ts'
import type { Payer, Violation } from '../domain/admission.ts'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import { defaultAccessRule } from '../domain/experiment.ts'
import type { AccessRule } from '../domain/experiment.ts'
import { judgeTransfer } from '../domain/transfer.ts'
import type { UnfitReason } from '../domain/transfer.ts'
import { booksOf, lockPayers } from './admission.ts'
import { endPasses, holdPasses } from './connections.ts'
import type { Trx } from './connect.ts'
import { recordEvent } from './events.ts'
import { handOver } from './parts.ts'
import { voidTickets } from './tickets.ts'
import { lockTransfer } from './transfer-facts.ts'

/** `no_heir`: nobody that could own it. `owes_terms`: the account has yet to accept the terms of use. */
export type Transferred =
  | { readonly kind: 'transferred' | 'already' | 'absent' | 'ended' | 'no_heir' | 'owes_terms' }
  | { readonly kind: 'not_ready'; readonly state: SessionState }
  /** It would hand over more than the account has a right to. */
  | { readonly kind: 'unfit'; readonly reasons: readonly UnfitReason[] }
  | {
      readonly kind: 'refused'
      readonly code: 'exceeds_limit' | 'quota_exceeded'
      readonly violations: readonly Violation[]
    }

/** What decides beside the books. */
export interface TransferRules {
  /** When data of experiments may be worked with. */
  readonly access: AccessRule
  /** Whether the user office lets the new owner have sessions outside experiments; true where nobody asks it. */
  readonly outside: boolean
}

const usualRules: TransferRules = { access: defaultAccessRule, outside: true }

/** What of a session is locked before it: who has it, its project, and who answers for it. */
interface Place {
  readonly sessionId: SessionId
  readonly ownerId: AccountId
  readonly payers: readonly Payer[]
}

/**
 * Gives sessions to another account, each by itself: admitted again on that account's quota, with what the session holds left out
 * of the sums and replaced, or left untouched. What the owner until now has open in it ends. Who started it stays. Locks, of all of
 * them at once: accounts, projects, experiments, payers; then of each its passes and itself. @throws QuotaRowMissing
 */
export async function transferSessions(
  trx: Trx,
  sessionIds: readonly SessionId[],
  heirId: AccountId,
  rules: TransferRules = usualRules,
): Promise<ReadonlyMap<SessionId, Transferred>> {
  const places = await lockPlaces(trx, [...sessionIds].sort(), heirId)
  const outcomes = new Map<SessionId, Transferred>(sessionIds.map((id) => [id, { kind: 'absent' }]))
  for (const place of places) outcomes.set(place.sessionId, await transfer(trx, place, heirId, rules))
  return outcomes
}

/** The same of one. */
export async function transferSession(
  trx: Trx,
  sessionId: SessionId,
  heirId: AccountId,
  rules: TransferRules = usualRules,
): Promise<Transferred> {
  const outcomes = await transferSessions(trx, [sessionId], heirId, rules)
  return outcomes.get(sessionId) ?? { kind: 'absent' }
}

async function lockPlaces(trx: Trx, sessionIds: readonly SessionId[], heirId: AccountId): Promise<Place[]> {
  const rows = await trx
    .selectFrom('session')
    .select(['id', 'owner_id', 'project_id', 'provider_id', 'experiment_id'])
    .where('id', '=', sql<SessionId>`any(${[...sessionIds]})`)
    .orderBy('id')
    .execute()
  if (rows.length === 0) return []
  // Whoever disables one of them, or takes a membership away, comes before all of this or after it.
  await trx
    .selectFrom('account')
    .select('id')
    .where('id', 'in', [...new Set([heirId, ...rows.map((row) => row.owner_id)])])
    .orderBy('id')
    .forShare()
    .execute()
  await trx
    .selectFrom('project')
    .select('id')
    .where('id', 'in', [...new Set(rows.map((row) => row.project_id))])
    .orderBy('id')
    .forShare()
    .execute()
  const experiments = rows.flatMap((row) => (row.experiment_id === null ? [] : [row.experiment_id]))
  if (experiments.length > 0)
    await trx
      .selectFrom('experiment')
      .select('id')
      .where('id', 'in', [...new Set(experiments)])
      .orderBy('id')
      .forNoKeyUpdate()
      .execute()
  const places = rows.map((row) => ({ sessionId: row.id, ownerId: row.owner_id, payers: payersOf(row, heirId) }))
  const heir = await trx.selectFrom('account').select('id').where('id', '=', heirId).executeTakeFirst()
  // An account that is not there has no books; who it is not is told by the verdict.
  if (heir !== undefined) await lockPayers(trx, distinct(places.flatMap(({ payers }) => payers)))
  return places
}

const payersOf = (row: { readonly project_id: string; readonly provider_id: string }, heirId: AccountId): Payer[] => [
  { kind: 'account', id: heirId },
  { kind: 'project', id: row.project_id },
  { kind: 'provider', id: row.provider_id },
]

const distinct = (payers: readonly Payer[]): Payer[] => [
  ...new Map(payers.map((payer) => [`${payer.kind} ${payer.id}`, payer])).values(),
]

async function transfer(
  trx: Trx,
  { sessionId, ownerId, payers }: Place,
  heirId: AccountId,
  rules: TransferRules,
): Promise<Transferred> {
  await holdPasses(trx, sessionId, ownerId)
  const locked = await lockTransfer(trx, sessionId, heirId, rules)
  if (locked === null) return { kind: 'absent' }
  const { key, facts, held } = locked
  // Somebody else gave it away since its accounts were locked.
  if (locked.ownerId !== ownerId && locked.ownerId !== heirId) return { kind: 'not_ready', state: facts.state }
  const verdict = judgeTransfer(facts)
  if (verdict.kind === 'not_ready') return { kind: 'not_ready', state: facts.state }
  if (verdict.kind !== 'fits') return verdict
  if (held === null) return { kind: 'ended' }
  const decision = admit(await booksOf(trx, payers, { sessionId }), held)
  if (decision.kind === 'refused') return decision
  await handOver(trx, key, heirId)
  await trx
    .updateTable('session')
    .set({ owner_id: heirId, version: sql<number>`version + 1` })
    .where('id', '=', sessionId)
    .execute()
  // An owner is nobody's guest in it; whom it shares with is its own matter from here on.
  await trx.deleteFrom('collaborator').where('session_id', '=', sessionId).where('account_id', '=', heirId).execute()
  await voidTickets(trx, sessionId, ownerId)
  await endPasses(trx, { sessionId, accountId: ownerId }, 'withdrawn')
  await recordEvent(trx, sessionId, 'session.transferred', { from: ownerId, to: heirId })
  return { kind: 'transferred' }
}
