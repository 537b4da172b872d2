import { sql } from 'kysely'
import type { SessionKey } from '../domain/session.ts'
import type { Db, Executor, Trx } from './connect.ts'
import { wake } from './intents.ts'
import { columns, ensureDoors, isUse, useKey } from './outside-accounts.ts'
import type { OutsideUse } from './outside-accounts.ts'
import { closeOutsideTunnels } from './outside-tunnels.ts'

/**
 * Asks that a door be opened outside for an account; the session's workflow does it. Returns which asking this is; `null`: the
 * session is not ready, or is to end, and nobody would close what were opened now.
 */
export async function wantUse(trx: Trx, use: OutsideUse): Promise<number | null> {
  const awake = await trx
    .updateTable('session')
    .set({ ...wake, outside: true })
    .where('id', '=', use.sessionId)
    .where('generation', '=', use.generation)
    .where('state', '=', 'ready')
    .where('stop_requested_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  if (awake === undefined) return null
  await ensureDoors(trx, use)
  const { wanted } = await trx
    .insertInto('outside_use')
    .values(columns(use))
    .onConflict((c) =>
      c.columns(useKey).doUpdateSet({
        wanted: sql<number>`outside_use.wanted + 1`,
        withdraw_at: null,
        withdrawn_at: null,
      }),
    )
    .returning('wanted')
    .executeTakeFirstOrThrow()
  return wanted
}

/** What came of an asking, so far. */
export type UseAnswer =
  | { readonly kind: 'waits' }
  | { readonly kind: 'open'; readonly url: string }
  | { readonly kind: 'refused'; readonly code: string }

export async function answerOf(executor: Executor, use: OutsideUse, asking: number): Promise<UseAnswer> {
  const row = await executor
    .selectFrom('outside_use')
    .select(['answered', 'url', 'refused'])
    .where(isUse(use))
    .executeTakeFirst()
  if (row === undefined || row.answered < asking) return { kind: 'waits' }
  if (row.refused !== null) return { kind: 'refused', code: row.refused }
  // Withdrawn since.
  return row.url === null ? { kind: 'refused', code: 'withdrawn' } : { kind: 'open', url: row.url }
}

/** A use with the asking of it that somebody waits for. */
export interface OutsideAsking extends OutsideUse {
  readonly asking: number
}

/** Those of the askings that are answered, by their places. */
export async function answeredOf(executor: Executor, asked: readonly OutsideAsking[]): Promise<readonly number[]> {
  const lines = asked.map((ask, place) => ({ ...columns(ask), asking: ask.asking, place }))
  const { rows } = await sql<{ place: number }>`
    select a.place from jsonb_to_recordset(${JSON.stringify(lines)}::jsonb)
      as a(session_id text, generation int, door text, mode text, account_id text, asking int, place int)
    join outside_use u using (session_id, generation, door, mode, account_id)
    where u.answered >= a.asking`.execute(executor)
  return rows.map((row) => row.place)
}

/** What is to be done outside for one use. */
export type DueUse =
  | { readonly kind: 'open'; readonly use: OutsideUse; readonly asking: number }
  | { readonly kind: 'withdraw'; readonly use: OutsideUse }

/** Somebody waits for an answer, or must be let in no more. */
const isDue = sql<boolean>`(withdrawn_at is null and (answered < wanted or withdraw_at is not null))`

/** The uses of these doors that are to be opened or withdrawn, withdrawals first. */
export async function dueUses(executor: Executor, key: SessionKey): Promise<DueUse[]> {
  const rows = await executor
    .selectFrom('outside_use')
    .select(['door', 'mode', 'account_id', 'wanted', 'withdraw_at'])
    .where('session_id', '=', key.sessionId)
    .where('generation', '=', key.generation)
    .where(isDue)
    .orderBy(sql`withdraw_at is null`)
    .orderBy('account_id')
    .execute()
  return rows.map((row): DueUse => {
    const use = { ...key, door: row.door, mode: row.mode, accountId: row.account_id }
    return row.withdraw_at === null ? { kind: 'open', use, asking: row.wanted } : { kind: 'withdraw', use }
  })
}

export interface OutsideState {
  /** Somebody waits to be let in, or must not be any more; or they are over, and not closed yet. */
  readonly due: boolean
  /** Of this generation they never open again. */
  readonly over?: boolean
}

/** How the doors of a session stand outside, for its workflow. Read after the session's row. */
export async function outsideState(
  executor: Executor,
  { sessionId, generation }: SessionKey,
  areDoorsOver = false,
): Promise<OutsideState> {
  const { rows } = await sql<{ due: boolean; closed: boolean }>`
    select exists (select from outside_use where session_id = ${sessionId} and generation = ${generation}
        and ${isDue}) as due,
      exists (select from outside_doors where session_id = ${sessionId} and generation = ${generation}
        and closed_at is not null) as closed
  `.execute(executor)
  const { due = false, closed = false } = rows[0] ?? {}
  return areDoorsOver ? { due: !closed, over: true } : { due }
}

/** The account enters there now. An answer to an earlier asking than the last is kept, too: it is as good. */
export async function recordOpened(executor: Executor, use: OutsideUse, asking: number, url: string): Promise<void> {
  await answer(executor, use, asking, { url, refused: null })
}

export async function recordRefused(executor: Executor, use: OutsideUse, asking: number, code: string): Promise<void> {
  await answer(executor, use, asking, { url: null, refused: code })
}

async function answer(
  executor: Executor,
  use: OutsideUse,
  asking: number,
  what: { readonly url: string | null; readonly refused: string | null },
): Promise<void> {
  await executor
    .updateTable('outside_use')
    .set({
      ...what,
      answered: sql<number>`greatest(answered, ${asking})`,
      ...(what.url === null ? {} : { opened_at: sql<Date>`now()` }),
    })
    .where(isUse(use))
    .execute()
}

export async function recordWithdrawn(executor: Executor, use: OutsideUse): Promise<void> {
  await executor
    .updateTable('outside_use')
    .set({ withdrawn_at: sql<Date>`now()`, noted_at: null, url: null, answered: sql<number>`wanted` })
    .where(isUse(use))
    .where('withdraw_at', 'is not', null)
    .execute()
  await closeOutsideTunnels(executor, use, 'withdrawn')
}

/**
 * Asks that uses be withdrawn, and wakes the workflows that do it. Repeats change nothing. Sessions are locked before their uses,
 * as by whoever asks for one.
 */
export async function withdrawUses(db: Db, uses: readonly OutsideUse[]): Promise<void> {
  if (uses.length === 0) return
  const asked = JSON.stringify(uses.map(columns))
  await sql`
    with asked as (select * from jsonb_to_recordset(${asked}::jsonb)
      as a(session_id text, generation int, door text, mode text, account_id text)),
    locked as (
      select id from session where id in (select session_id from asked) order by id for no key update),
    withdrawn as (
      update outside_use u set withdraw_at = now() from asked a, locked
      where locked.id = u.session_id
        and u.session_id = a.session_id and u.generation = a.generation and u.door = a.door and u.mode = a.mode
        and u.account_id = a.account_id and u.withdraw_at is null and u.withdrawn_at is null
      returning u.session_id)
    update session s set wake_version = wake_version + 1, next_try_at = now(), tries = 0
    from (select distinct session_id from withdrawn) w where s.id = w.session_id and s.ended_at is null`.execute(db)
}
