import { setTimeout as delay } from 'node:timers/promises'
import type { Db } from '../db/connect.ts'
import { countSealed, lockStale, readStale, replaceSealed, sealedColumns } from '../db/sealed-rows.ts'
import type { Replacement, SealedColumn, SealedRow, Stretch } from '../db/sealed-rows.ts'
import type { SessionId } from '../domain/ids.ts'
import {
  handoverSecrets,
  hawkKey,
  instanceSecret,
  invitationCode,
  issuerTokens,
  keyIdOf,
  outsidePassword,
  outsideToken,
  providerSecrets,
  reportToken,
  sealMark,
  SecretUnreadable,
  sessionParameters,
} from '../platform/secrets.ts'
import type { SecretPlace, Secrets } from '../platform/secrets.ts'

export interface UnreadableRow {
  readonly place: SecretPlace
  /** Empty where the bytes name none. */
  readonly keyId: string
}

export interface Rotation {
  /** Rows that were encrypted again; in a dry run, that would be. */
  readonly rotated: number
  /** Rows that no known key opens. They are left as they are. */
  readonly unreadable: readonly UnreadableRow[]
  /** False where rows are left, because others held them the whole time or because it was stopped: run it again. */
  readonly complete: boolean
}

export interface RotationDeps {
  readonly db: Db
  readonly secrets: Secrets
  readonly currentKeyId: string
  readonly say: (word: string) => void
}

export interface RotationOptions {
  /** Rows per transaction. */
  readonly batch: number
  readonly dryRun: boolean
  /** Stops after the batch under way. */
  readonly signal?: AbortSignal
  /** Between two looks at rows that others hold, ms. */
  readonly restMs?: number
  /** Before the first repetition of a batch that failed, ms; doubled for each further one. */
  readonly retryMs?: number
}

const passes = 10
const tries = 5

/** Where a row's secret stands: the same places that api and worker seal for. */
const places: Readonly<Record<SealedColumn, (row: SealedRow) => SecretPlace>> = {
  // The row is of the table that its column names.
  'instance.secret': ({ id, generation }) => instanceSecret({ sessionId: id as SessionId, generation }),
  'instance.report_token': ({ id, generation }) => reportToken({ sessionId: id as SessionId, generation }),
  'session.secret_parameters': ({ id }) => sessionParameters(id),
  'outside_account.password': ({ id }) => outsidePassword(id),
  'outside_account.token': ({ id }) => outsideToken(id),
  'provider.secrets': ({ id }) => providerSecrets(id),
  'invitation.code': ({ id }) => invitationCode(id),
  'handover.sealed': ({ id }) => handoverSecrets(id),
  'browser_session.tokens': ({ id }) => issuerTokens(id),
  'hawk_key.key': ({ id }) => hawkKey(id),
}

/** What to write for these rows, and which of them cannot be read. */
export function planBatch(
  secrets: Secrets,
  column: SealedColumn,
  rows: readonly SealedRow[],
): { readonly changes: readonly Replacement[]; readonly unreadable: readonly UnreadableRow[] } {
  const changes: Replacement[] = []
  const unreadable: UnreadableRow[] = []
  for (const row of rows) {
    const place = places[column](row)
    try {
      changes.push({ row, sealed: secrets.encrypt(place, secrets.decrypt(place, row.sealed)) })
    } catch (error) {
      if (!(error instanceof SecretUnreadable)) throw error
      unreadable.push({ place, keyId: keyIdOf(row.sealed) })
    }
  }
  return { changes, unreadable }
}

/**
 * Encrypts every sealed column with the current key, while others work on the same rows: in short transactions, never
 * waiting for a lock. It may be stopped at any time and run again; what was done stays done.
 * @throws the database's error when a batch failed several times in a row
 */
export async function rotate(deps: RotationDeps, options: RotationOptions): Promise<Rotation> {
  let rotated = 0
  let complete = true
  const unreadable: UnreadableRow[] = []
  for (const column of sealedColumns) {
    const done = await rotateColumn(deps, options, column)
    rotated += done.rotated
    complete &&= done.complete
    unreadable.push(...done.unreadable)
  }
  return { rotated, unreadable, complete }
}

async function rotateColumn(deps: RotationDeps, options: RotationOptions, column: SealedColumn): Promise<Rotation> {
  let rotated = 0
  let unreadable: readonly UnreadableRow[] = []
  for (let pass = 1; pass <= passes && options.signal?.aborted !== true; pass++) {
    const found = await walk(deps, options, column, rotated)
    rotated += found.rotated
    unreadable = found.unreadable
    if (options.dryRun) return { rotated, unreadable, complete: found.complete }
    const left = found.complete ? await countLeft(deps, column) : 0
    if (found.complete && left <= unreadable.length) return { rotated, unreadable, complete: true }
    if (!found.complete || pass === passes) break
    deps.say(`${column}: ${left - unreadable.length} rows are in use elsewhere; again in a moment`)
    await delay(options.restMs ?? 500)
  }
  return { rotated, unreadable, complete: false }
}

/** Once through the column, from its first row to its last. */
async function walk(
  deps: RotationDeps,
  options: RotationOptions,
  column: SealedColumn,
  before: number,
): Promise<Rotation> {
  const unreadable: UnreadableRow[] = []
  let rotated = 0
  let after: Stretch['after'] = null
  while (options.signal?.aborted !== true) {
    const stretch: Stretch = { mark: sealMark(deps.currentKeyId), after, limit: options.batch }
    const done = await persistently(deps, options, column, () => step(deps, options, column, stretch))
    rotated += done.rotated
    unreadable.push(...done.unreadable)
    if (done.rotated > 0) deps.say(`${column}: ${before + rotated} rows${options.dryRun ? ' would be' : ''} encrypted`)
    if (done.last === null || !done.full) return { rotated, unreadable, complete: true }
    after = done.last
  }
  return { rotated, unreadable, complete: false }
}

interface Step {
  readonly rotated: number
  readonly unreadable: readonly UnreadableRow[]
  readonly last: SealedRow | null
  readonly full: boolean
}

async function step(deps: RotationDeps, options: RotationOptions, column: SealedColumn, stretch: Stretch) {
  const { db, secrets } = deps
  const stepOf = (rows: readonly SealedRow[], rotated: number, unreadable: readonly UnreadableRow[]): Step => ({
    rotated,
    unreadable,
    last: rows.at(-1) ?? null,
    full: rows.length === stretch.limit,
  })
  if (options.dryRun) {
    const rows = await readStale(db, column, stretch)
    const plan = planBatch(secrets, column, rows)
    return stepOf(rows, plan.changes.length, plan.unreadable)
  }
  return await db.transaction().execute(async (trx) => {
    const rows = await lockStale(trx, column, stretch)
    const plan = planBatch(secrets, column, rows)
    return stepOf(rows, await replaceSealed(trx, column, plan.changes), plan.unreadable)
  })
}

/** A batch that failed changed nothing, so it may be tried again: the database may have been restarted under it. */
async function persistently<T>(
  deps: RotationDeps,
  { retryMs: firstMs = 200 }: RotationOptions,
  column: SealedColumn,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === tries) throw error
      deps.say(`${column}: a batch failed and is tried again (${attempt} of ${tries - 1})`)
      await delay(firstMs * 2 ** (attempt - 1))
    }
  }
}

async function countLeft({ db, currentKeyId }: RotationDeps, column: SealedColumn): Promise<number> {
  const counts = await countSealed(db, column)
  return counts.reduce((sum, { mark, rows }) => (keyIdOf(mark) === currentKeyId ? sum : sum + rows), 0)
}
