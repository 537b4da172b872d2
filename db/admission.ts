import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { admit, payerKinds } from '../domain/admission.ts'
import type { Admission, Books, Payer } from '../domain/admission.ts'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { SessionState } from '../domain/lifecycle.ts'
import { nothing, withDefaults } from '../domain/resources.ts'
import type { Resources } from '../domain/resources.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { heldMaintenance } from './maintenance.ts'
import { freeSlot, gateOf, gateQuery } from './provider-gate.ts'
import type { GateRow } from './provider-gate.ts'
import { resourceNames, resourcesOf, resourceSums } from './resource-columns.ts'
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
    const { payers, providerId } = await payersOf(trx, key.sessionId)
    const quotas = await lockPayers(trx, payers)
    const asked = await readAsked(trx, key, payers, providerId)
    if (asked.state === 'rejected') return { kind: 'rejected' }
    if (asked.reservation !== null) return { kind: asked.reservation === 'held' ? 'admitted' : 'withdrawn' }
    if (asked.state !== 'requested' || asked.stopped) return { kind: 'withdrawn' }
    if (asked.maintenance) return { kind: 'waits' }

    const decision = admit(booksFrom(payers, quotas, asked), resourcesOf(asked))
    if (decision.kind === 'refused') {
      await reject(trx, key, decision)
      return { kind: 'rejected' }
    }
    const waitingFor = freeSlot(gateOf(asked.gate))
    const moved = await move(trx, {
      key,
      from: ['requested'],
      // A release that commits in this very moment has written its tombstone first: then nothing is held, and nothing moves.
      with: reserve(key),
      ...(waitingFor === null
        ? { to: 'provisioning', set: { queued_at: 'now', dispatched_at: 'now' } }
        : { to: 'queued', set: { queued_at: 'now', waiting_for: waitingFor }, data: { waitingFor } }),
    })
    return { kind: moved.kind === 'moved' ? 'admitted' : 'withdrawn' }
  })
}

interface Asked extends Row {
  readonly state: SessionState
  readonly stopped: boolean
  readonly maintenance: boolean
  /** What an earlier decision left. */
  readonly reservation: 'held' | 'released' | null
  readonly defaults: readonly DefaultRow[]
  /** By each payer, in their order. */
  readonly held: readonly Row[]
  readonly gate: GateRow | null
}

/**
 * Locks the session, and reads in the same statement all that its decision stands on: each further one would keep everybody
 * else from the payers. It begins when these are locked: what it sees of them can only be given back meanwhile.
 */
async function readAsked(trx: Trx, key: SessionKey, payers: readonly Payer[], providerId: ProviderId): Promise<Asked> {
  const { rows } = await sql<Asked>`
    select s.state, s.stop_requested_at is not null as stopped, ${sql.join(resourceNames.map((name) => sql.ref(`s.${name}`)))},
      (select maintenance_since is not null from installation) as maintenance,
      (select case when released_at is null then 'held' else 'released' end from reservation r
        where r.session_id = s.id and r.generation = s.generation) as reservation,
      (select json_agg(d) from quota_default d) as defaults,
      (select json_agg(h order by place) from (${heldByEach(payers)}) h) as held,
      (select row_to_json(g) from (${gateQuery(providerId)}) g) as gate
    from session s where s.id = ${key.sessionId} and s.generation = ${key.generation} for no key update of s
  `.execute(trx)
  const row = rows[0]
  if (row === undefined) throw new Error('There is no such session.')
  return row
}

const reserve = ({ sessionId, generation }: SessionKey) => sql`
  insert into reservation (session_id, generation, account_id, project_id, provider_id, ${sql.join(resourceNames.map((name) => sql.ref(name)))})
  select id, generation, owner_id, project_id, provider_id, ${sql.join(resourceNames.map((name) => sql.ref(name)))} from session
  where id = ${sessionId} and generation = ${generation} on conflict do nothing returning session_id`

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

/** Who answers for what the session holds, and where it runs. Maintenance stays as it is until the transaction ends. */
export async function payersOf(executor: Executor, sessionId: SessionId) {
  const row = await executor
    .selectFrom('session')
    .select(['owner_id', 'project_id', 'provider_id', heldMaintenance.as('held')])
    .where('id', '=', sessionId)
    .executeTakeFirstOrThrow()
  const payers: readonly Payer[] = [
    { kind: 'account', id: row.owner_id },
    { kind: 'project', id: row.project_id },
    { kind: 'provider', id: row.provider_id },
  ]
  return { payers, providerId: row.provider_id }
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
type Row = Parameters<typeof resourcesOf<number>>[0]
type DefaultRow = Parameters<typeof resourcesOf<number | null>>[0] & { readonly payer_kind: string }
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
  const quotas = await quotaRows(executor, payers).execute()
  const defaults = await executor
    .selectFrom('quota_default')
    .select(['payer_kind', ...resourceNames])
    .execute()
  const { rows: held } = await heldByEach(payers, except).execute(executor)
  return booksFrom(payers, quotas, { defaults, held })
}

function booksFrom(
  payers: readonly Payer[],
  quotas: readonly QuotaRow[],
  { defaults, held }: Pick<Asked, 'defaults' | 'held'>,
): Books[] {
  return payers.map((payer, index) => {
    const fallback = defaults.find((row) => row.payer_kind === payer.kind)
    if (fallback === undefined) throw new Error(`There are no default limits of a ${payer.kind}.`)
    const limits = withDefaults(resourcesOf(rowOf(quotas, payer)), resourcesOf(fallback))
    const sums = held[index]
    return { payer, limits, held: sums === undefined ? nothing : resourcesOf(sums) }
  })
}

const payerColumn = { account: 'account_id', project: 'project_id', provider: 'provider_id' } as const

/** What the payer holds now: a sum over rows, never a counter. */
export async function heldBy(executor: Executor, payer: Payer): Promise<Resources> {
  const { rows } = await heldByEach([payer]).execute(executor)
  return rows[0] === undefined ? nothing : resourcesOf(rows[0])
}

/** The same of several, in their order, in one statement. */
const heldByEach = (payers: readonly Payer[], except?: { readonly sessionId: SessionId }): RawBuilder<Row> => {
  const sums = payers.map(
    ({ kind, id }, index) => sql`select ${sql.lit(index)}::int as place, ${resourceSums} from reservation
      where ${sql.ref(payerColumn[kind])} = ${id} and released_at is null and session_id <> ${except?.sessionId ?? ''}`,
  )
  return sql<Row>`${sql.join(sums, sql` union all `)} order by place`
}
