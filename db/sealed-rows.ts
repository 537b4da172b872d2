import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Executor, Trx } from './connect.ts'

/** Every column that holds sealed bytes. Whoever adds another names it here, or its rows stay behind with an old key. */
export const sealedColumns = [
  'instance.secret',
  'instance.report_token',
  'session.secret_parameters',
  'outside_account.password',
  'outside_account.token',
  'provider.secrets',
  'invitation.code',
  'handover.sealed',
  'browser_session.tokens',
  'hawk_key.key',
] as const
export type SealedColumn = (typeof sealedColumns)[number]

export interface SealedRow {
  /** Of the session, account or provider whose it is. */
  readonly id: string
  /** 0 where there are none. */
  readonly generation: number
  readonly sealed: Buffer
}

interface Shape {
  readonly table: RawBuilder<unknown>
  readonly column: RawBuilder<unknown>
  readonly id: RawBuilder<unknown>
  readonly generation: RawBuilder<unknown>
}

const shapes: Readonly<Record<SealedColumn, Shape>> = {
  'instance.secret': {
    table: sql`instance`,
    column: sql`secret`,
    id: sql`session_id`,
    generation: sql`generation`,
  },
  'instance.report_token': {
    table: sql`instance`,
    column: sql`report_token`,
    id: sql`session_id`,
    generation: sql`generation`,
  },
  'session.secret_parameters': {
    table: sql`session`,
    column: sql`secret_parameters`,
    id: sql`id`,
    generation: sql`0::int`,
  },
  'outside_account.password': {
    table: sql`outside_account`,
    column: sql`password`,
    id: sql`account_id`,
    generation: sql`0::int`,
  },
  'outside_account.token': {
    table: sql`outside_account`,
    column: sql`token`,
    id: sql`account_id`,
    generation: sql`0::int`,
  },
  'provider.secrets': {
    table: sql`provider`,
    column: sql`secrets`,
    id: sql`id`,
    generation: sql`0::int`,
  },
  'invitation.code': {
    table: sql`invitation`,
    column: sql`code`,
    id: sql`id`,
    generation: sql`0::int`,
  },
  'handover.sealed': {
    table: sql`handover`,
    column: sql`sealed`,
    id: sql`id`,
    generation: sql`0::int`,
  },
  'browser_session.tokens': {
    table: sql`browser_session`,
    column: sql`tokens`,
    id: sql`token_id`,
    generation: sql`0::int`,
  },
  'hawk_key.key': {
    table: sql`hawk_key`,
    column: sql`key`,
    id: sql`token_id`,
    generation: sql`0::int`,
  },
}

export interface Stretch {
  /** How bytes begin that are as they should be. */
  readonly mark: Buffer
  /** The last row of the stretch before; null at the beginning. */
  readonly after: Pick<SealedRow, 'id' | 'generation'> | null
  readonly limit: number
}

/** The next rows, by their key, whose bytes do not begin with the mark. Rows without a secret are passed over. */
export const readStale = (executor: Executor, column: SealedColumn, stretch: Stretch): Promise<readonly SealedRow[]> =>
  stale(executor, column, stretch, sql``)

/**
 * The same, locked. What somebody else has locked is passed over: this never waits, so it holds nobody up in a circle. Fewer
 * rows than the limit are the last ones.
 */
export const lockStale = (trx: Trx, column: SealedColumn, stretch: Stretch): Promise<readonly SealedRow[]> =>
  stale(trx, column, stretch, sql`for no key update skip locked`)

async function stale(executor: Executor, column: SealedColumn, stretch: Stretch, locking: RawBuilder<unknown>) {
  const { table, column: bytes, id, generation } = shapes[column]
  const after = stretch.after ?? { id: '', generation: -1 }
  const { rows } = await sql<SealedRow>`
    select ${id} as id, ${generation} as generation, ${bytes} as sealed from ${table}
    where ${id} >= ${after.id} and (${id}, ${generation}) > (${after.id}, ${after.generation}::int)
      and length(${bytes}) > 0
      and substring(${bytes} from 1 for ${stretch.mark.length}::int) <> ${stretch.mark}
    order by ${id}, ${generation} limit ${stretch.limit} ${locking}`.execute(executor)
  return rows
}

export interface Replacement {
  readonly row: SealedRow
  readonly sealed: Buffer
}

/** Writes new bytes where the old ones still stand; whatever was changed meanwhile wins. Returns how many were written. */
export async function replaceSealed(trx: Trx, column: SealedColumn, changes: readonly Replacement[]): Promise<number> {
  if (changes.length === 0) return 0
  const { table, column: bytes, id, generation } = shapes[column]
  const { numAffectedRows } = await sql`
    update ${table} set ${bytes} = change.new_bytes
    from unnest(
      ${changes.map(({ row }) => row.id)}::text[],
      ${changes.map(({ row }) => row.generation)}::int[],
      ${changes.map(({ row }) => row.sealed)}::bytea[],
      ${changes.map(({ sealed }) => sealed)}::bytea[]
    ) as change (of_id, of_generation, old_bytes, new_bytes)
    where ${id} = change.of_id and ${generation} = change.of_generation and ${bytes} = change.old_bytes
  `.execute(trx)
  return Number(numAffectedRows ?? 0)
}

/** How many rows there are per beginning of their bytes, the key's id included. Rows without a secret do not count. */
export async function countSealed(
  executor: Executor,
  column: SealedColumn,
): Promise<readonly { readonly mark: Buffer; readonly rows: number }[]> {
  const { table, column: bytes } = shapes[column]
  const { rows } = await sql<{ mark: Buffer; rows: number }>`
    select substring(${bytes} from 1 for case when length(${bytes}) > 1 then 2 + get_byte(${bytes}, 1) else 1 end) as mark,
      count(*)::int as rows
    from ${table} where length(${bytes}) > 0 group by 1 order by 1`.execute(executor)
  return rows
}

export interface DigestCount {
  readonly keyId: string
  readonly rows: number
  readonly newest: Date
}

/** How many idempotency rows were made with each key, and when the last one. They cannot be made again with another key. */
export async function countDigests(executor: Executor): Promise<readonly DigestCount[]> {
  const { rows } = await sql<DigestCount>`
    select split_part(body_hmac, ':', 1) as "keyId", count(*)::int as rows, max(created_at) as newest
    from idempotency_key group by 1 order by 1`.execute(executor)
  return rows
}
