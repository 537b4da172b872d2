import { sql } from 'kysely'
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely'
import type { AccountId, SessionId } from '../domain/ids.ts'
import type { SessionKey } from '../domain/session.ts'
import type { DoorMode } from '../domain/template.ts'
import type { Db, Executor } from './connect.ts'
import { closeOutsideTunnels } from './outside-tunnels.ts'
import type { Database } from './schema.ts'

/** The password that the account has outside, sealed. The first that is kept stays: `made` is kept only where there is none. */
export async function keepPassword(executor: Executor, accountId: AccountId, made: Buffer): Promise<Buffer> {
  await executor
    .insertInto('outside_account')
    .values({ account_id: accountId, password: made })
    .onConflict((c) => c.doNothing())
    .execute()
  const row = await executor
    .selectFrom('outside_account')
    .select('password')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  return row.password
}

export interface SealedToken {
  readonly node: string
  readonly sealed: Buffer
  /** SHA-256 of the token. */
  readonly hash: Buffer
}

/** The token that the account's open pages hold. */
export async function readToken(executor: Executor, accountId: AccountId): Promise<SealedToken | null> {
  const row = await executor
    .selectFrom('outside_account')
    .select(['token_node', 'token', 'token_hash'])
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  if (row === undefined || row.token_node === null || row.token_hash === null) return null
  return { node: row.token_node, sealed: row.token, hash: row.token_hash }
}

/** Puts another token in the place of the expected one. Changes nothing where another is kept by now. */
export async function replaceToken(
  executor: Executor,
  accountId: AccountId,
  expected: Buffer | null,
  next: SealedToken | null,
): Promise<void> {
  await executor
    .updateTable('outside_account')
    .set({ token_node: next?.node ?? null, token: next?.sealed ?? Buffer.alloc(0), token_hash: next?.hash ?? null })
    .where('account_id', '=', accountId)
    .where('token_hash', 'is not distinct from', expected)
    .execute()
}

/** One account's use of one door, as its row is named. */
export interface OutsideUse extends SessionKey {
  readonly door: string
  readonly mode: DoorMode
  readonly accountId: AccountId
}

/**
 * Notes that something may be made outside for this use, before it is. The doors' row is locked: whoever ends them waits for
 * this, or this one finds them ended.
 */
export async function noteUse(db: Db, use: OutsideUse): Promise<'noted' | 'ended'> {
  return await db.transaction().execute(async (trx) => {
    await ensureDoors(trx, use)
    const doors = await trx
      .selectFrom('outside_doors')
      .select('ended_at')
      .where('session_id', '=', use.sessionId)
      .where('generation', '=', use.generation)
      .forShare()
      .executeTakeFirstOrThrow()
    if (doors.ended_at !== null) return 'ended'
    await trx
      .insertInto('outside_use')
      .values({ ...columns(use), noted_at: sql<Date>`now()` })
      .onConflict((c) => c.columns(useKey).doUpdateSet({ noted_at: sql<Date>`now()` }))
      .execute()
    return 'noted'
  })
}

/** Nothing is left outside of this use. */
export async function dropUse(executor: Executor, use: OutsideUse): Promise<void> {
  await executor.updateTable('outside_use').set({ noted_at: null, url: null }).where(isUse(use)).execute()
}

/** The uses for which something may exist outside: of one generation of a session, or of an account in all its sessions. */
export async function notedUses(
  executor: Executor,
  of: SessionKey | { readonly accountId: AccountId },
): Promise<OutsideUse[]> {
  const rows = await executor
    .selectFrom('outside_use')
    .select(useKey)
    .where('noted_at', 'is not', null)
    .$if('sessionId' in of, (q) =>
      'sessionId' in of ? q.where('session_id', '=', of.sessionId).where('generation', '=', of.generation) : q,
    )
    .$if('accountId' in of, (q) => ('accountId' in of ? q.where('account_id', '=', of.accountId) : q))
    .orderBy('session_id')
    .orderBy('door')
    .execute()
  return rows.map((row) => ({
    sessionId: row.session_id,
    generation: row.generation,
    door: row.door,
    mode: row.mode,
    accountId: row.account_id,
  }))
}

/** From here on these doors open to nobody; also where nobody ever came by them. */
export async function endDoors(executor: Executor, key: SessionKey): Promise<void> {
  await ensureDoors(executor, key)
  await executor
    .updateTable('outside_doors')
    .set({ ended_at: sql<Date>`coalesce(ended_at, now())` })
    .where('session_id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .execute()
}

/** The same for all doors of a session that its own workflow closes no more. What is left outside of them is the sweep's. */
export async function endAllDoors(executor: Executor, sessionId: SessionId): Promise<void> {
  await executor
    .updateTable('outside_doors')
    .set({ ended_at: sql<Date>`now()` })
    .where('session_id', '=', sessionId)
    .where('ended_at', 'is', null)
    .execute()
}

/**
 * Doors that were given up on: their sessions have ended, and nobody said that nothing is left of them. By their key, those
 * behind `after`: page by page everybody comes in turn, whatever becomes of the others.
 */
export async function givenUpDoors(executor: Executor, most: number, after: SessionKey | null): Promise<SessionKey[]> {
  const rows = await executor
    .selectFrom('outside_doors as d')
    .innerJoin('session as s', 's.id', 'd.session_id')
    .select(['d.session_id', 'd.generation'])
    .where('d.ended_at', 'is not', null)
    .where('d.closed_at', 'is', null)
    .where('s.ended_at', 'is not', null)
    .$if(after !== null, (q) =>
      q.where(sql<boolean>`(d.session_id, d.generation) > (${after?.sessionId}, ${after?.generation})`),
    )
    .orderBy('d.session_id')
    .orderBy('d.generation')
    .limit(most)
    .execute()
  return rows.map((row) => ({ sessionId: row.session_id, generation: row.generation }))
}

export async function areDoorsEnded(executor: Executor, key: SessionKey): Promise<boolean> {
  const row = await executor
    .selectFrom('outside_doors')
    .select('ended_at')
    .where('session_id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .executeTakeFirst()
  return row !== undefined && row.ended_at !== null
}

/** The gateway confirmed that nothing is left of these doors. */
export async function recordClosed(executor: Executor, key: SessionKey): Promise<void> {
  await executor
    .updateTable('outside_doors')
    .set({ closed_at: sql<Date>`coalesce(closed_at, now())` })
    .where('session_id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .where('ended_at', 'is not', null)
    .execute()
  await executor
    .updateTable('outside_use')
    .set({ noted_at: null, url: null })
    .where('session_id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .execute()
  await closeOutsideTunnels(executor, { sessionId: key.sessionId }, 'ended')
}

/** The row that its uses hang on. */
export async function ensureDoors(executor: Executor, { sessionId, generation }: SessionKey): Promise<void> {
  await executor
    .insertInto('outside_doors')
    .values({ session_id: sessionId satisfies SessionId, generation })
    .onConflict((c) => c.doNothing())
    .execute()
}

export const columns = ({ sessionId, generation, door, mode, accountId }: OutsideUse) => ({
  session_id: sessionId,
  generation,
  door,
  mode,
  account_id: accountId,
})

/** What names a row of `outside_use`. */
export const useKey = ['session_id', 'generation', 'door', 'mode', 'account_id'] as const

/** The row of a use, as a condition. */
export const isUse =
  (use: OutsideUse) =>
  (eb: ExpressionBuilder<Database, 'outside_use'>): ExpressionWrapper<Database, 'outside_use', SqlBool> =>
    eb.and(columns(use))
