import { sql } from 'kysely'
import { admit, payerKinds } from '../domain/admission.ts'
import type { Admission, Books, Payer } from '../domain/admission.ts'
import type { SessionId } from '../domain/ids.ts'
import { nothing, withDefaults } from '../domain/resources.ts'
import type { Resources } from '../domain/resources.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { heldMaintenance } from './maintenance.ts'
import { freeSlot, providerGate } from './provider-gate.ts'
import { resourceColumns, resourceNames, resourcesOf, resourceSums } from './resource-columns.ts'
import { move } from './transitions.ts'

export type Admitted =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'rejected' }
  /** A stop was asked before, or the reservation was already given back: nothing is held. */
  | { readonly kind: 'withdrawn' }
  /** A payer has no quota row: nobody can say what it may hold, so nothing is. */
  | { readonly kind: 'broken' }
  /** Maintenance: nobody is admitted until it ends. It stays requested. */
  | { readonly kind: 'waits' }

/** A payer's quota row was not there. Payers get theirs when they are made, so this refuses rather than guesses. */
export class QuotaRowMissing extends Error {
  override readonly name = 'QuotaRowMissing'
}

/**
 * Decides whether a requested session may hold what it asks for, and makes it so, in one short transaction: the payers'
 * quota rows are locked in order, so that of all who ask at once each is decided after the one before. Repeats change nothing.
 */
export async function admitSession(db: Db, key: SessionKey): Promise<Admitted> {
  try {
    return await decide(db, key)
  } catch (error) {
    if (error instanceof QuotaRowMissing) return { kind: 'broken' }
    throw error
  }
}

async function decide(db: Db, key: SessionKey): Promise<Admitted> {
  return await db.transaction().execute(async (trx) => {
    const { payers } = await payersOf(trx, key.sessionId)
    const quotas = await lockPayers(trx, payers)
    const session = await trx
      .selectFrom('session')
      .select(['state', 'stop_requested_at', 'owner_id', 'project_id', 'provider_id', ...resourceNames])
      .select((eb) => eb.selectFrom('installation').select('maintenance_since').as('maintenance_since'))
      .where('id', '=', key.sessionId)
      .where('generation', '=', key.generation)
      .forNoKeyUpdate()
      .executeTakeFirstOrThrow()
    if (session.state === 'rejected') return { kind: 'rejected' }
    const earlier = await trx
      .selectFrom('reservation')
      .select('released_at')
      .where('session_id', '=', key.sessionId)
      .where('generation', '=', key.generation)
      .executeTakeFirst()
    if (earlier !== undefined) return { kind: earlier.released_at === null ? 'admitted' : 'withdrawn' }
    if (session.state !== 'requested' || session.stop_requested_at !== null) return { kind: 'withdrawn' }
    if (session.maintenance_since !== null) return { kind: 'waits' }

    const ask = resourcesOf(session)
    const decision = admit(await booksUnder(trx, payers, quotas), ask)
    if (decision.kind === 'refused') {
      await reject(trx, key, decision)
      return { kind: 'rejected' }
    }
    // A release that commits in this very moment has written its tombstone first: then nothing is held.
    const reserved = await trx
      .insertInto('reservation')
      .values({
        session_id: key.sessionId,
        generation: key.generation,
        account_id: session.owner_id,
        project_id: session.project_id,
        provider_id: session.provider_id,
        ...resourceColumns(ask),
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    if (reserved.numInsertedOrUpdatedRows !== 1n) return { kind: 'withdrawn' }
    const gate = await providerGate(trx, session.provider_id)
    const waitingFor = freeSlot(gate)
    await move(
      trx,
      waitingFor === null
        ? { key, from: ['requested'], to: 'provisioning', set: { queued_at: 'now', dispatched_at: 'now' } }
        : {
            key,
            from: ['requested'],
            to: 'queued',
            set: { queued_at: 'now', waiting_for: waitingFor },
            data: { waitingFor },
          },
    )
    return { kind: 'admitted' }
  })
}

async function reject(trx: Trx, key: SessionKey, refused: Extract<Admission, { kind: 'refused' }>): Promise<void> {
  const { code, violations } = refused
  await move(trx, {
    key,
    from: ['requested'],
    to: 'rejected',
    set: { reason: 'quota', refusal: JSON.stringify({ code, violations }) },
    data: { reason: 'quota', code },
  })
}

async function payersOf(executor: Executor, sessionId: SessionId): Promise<{ payers: readonly Payer[] }> {
  const row = await executor
    .selectFrom('session')
    .select(['owner_id', 'project_id', 'provider_id', heldMaintenance.as('held')])
    .where('id', '=', sessionId)
    .executeTakeFirstOrThrow()
  return {
    payers: [
      { kind: 'account', id: row.owner_id },
      { kind: 'project', id: row.project_id },
      { kind: 'provider', id: row.provider_id },
    ],
  }
}

/** Locks the quota rows of the payers, in the one order that everybody takes. Throws `QuotaRowMissing`. */
export async function lockPayers(trx: Trx, payers: readonly Payer[]): Promise<readonly QuotaRow[]> {
  const rows = await quotaRows(trx, payers)
    .orderBy(sql`array_position(${[...payerKinds]}::text[], payer_kind)`)
    .orderBy('payer_id')
    .forNoKeyUpdate()
    .execute()
  for (const payer of payers) rowOf(rows, payer)
  return rows
}

const quotaRows = (executor: Executor, payers: readonly Payer[]) =>
  executor
    .selectFrom('quota')
    .select(['payer_kind', 'payer_id', ...resourceNames])
    .where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple('payer_kind', 'payer_id'),
        'in',
        payers.map(({ kind, id }) => tuple(kind, id)),
      ),
    )
type QuotaRow = Awaited<ReturnType<ReturnType<typeof quotaRows>['executeTakeFirstOrThrow']>>

function rowOf<R extends { payer_kind: string; payer_id: string }>(rows: readonly R[], { kind, id }: Payer): R {
  const row = rows.find((r) => r.payer_kind === kind && r.payer_id === id)
  if (row === undefined) throw new QuotaRowMissing(`The ${kind} ${id} has no quota row.`)
  return row
}

/**
 * The books of the payers: limits with the site's defaults applied, and what is held. Only with the payers locked is this
 * more than a guess. `except`: leave that session's own reservations out (it is being admitted again).
 */
export async function booksOf(
  executor: Executor,
  payers: readonly Payer[],
  except?: { readonly sessionId: SessionId },
): Promise<Books[]> {
  return await booksUnder(executor, payers, await quotaRows(executor, payers).execute(), except)
}

async function booksUnder(
  executor: Executor,
  payers: readonly Payer[],
  quotas: readonly QuotaRow[],
  except?: { readonly sessionId: SessionId },
): Promise<Books[]> {
  const defaults = await executor
    .selectFrom('quota_default')
    .select(['payer_kind', ...resourceNames])
    .execute()
  const held = await heldByEach(executor, payers, except)
  return payers.map((payer, index) => {
    const fallback = defaults.find((row) => row.payer_kind === payer.kind)
    if (fallback === undefined) throw new Error(`There are no default limits of a ${payer.kind}.`)
    const limits = withDefaults(resourcesOf(rowOf(quotas, payer)), resourcesOf(fallback))
    return { payer, limits, held: held[index] ?? nothing }
  })
}

const payerColumn = { account: 'account_id', project: 'project_id', provider: 'provider_id' } as const

/** What the payer holds now: a sum over rows, never a counter. */
export async function heldBy(executor: Executor, payer: Payer): Promise<Resources> {
  const [held = nothing] = await heldByEach(executor, [payer])
  return held
}

/** The same of several, in their order, in one statement. */
async function heldByEach(
  executor: Executor,
  payers: readonly Payer[],
  except?: { readonly sessionId: SessionId },
): Promise<Resources[]> {
  const sums = payers.map(
    ({ kind, id }, index) => sql`select ${sql.lit(index)}::int as place, ${resourceSums} from reservation
      where ${sql.ref(payerColumn[kind])} = ${id} and released_at is null and session_id <> ${except?.sessionId ?? ''}`,
  )
  const { rows } = await sql<Parameters<typeof resourcesOf<number>>[0]>`
    ${sql.join(sums, sql` union all `)} order by place
  `.execute(executor)
  return rows.map((row) => resourcesOf(row))
}
