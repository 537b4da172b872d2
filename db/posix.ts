import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import { checkPosix, mayReplace, samePosix, usualPosixRule } from '../domain/posix.ts'
import type { Posix, PosixFault, PosixRule, PosixSource } from '../domain/posix.ts'
import type { Executor, Trx } from './connect.ts'

/**
 * `kept`: a stronger source said who it is. `taken`: another account is that user. `changed`: the account is at another version.
 */
export type PosixSet =
  | { readonly kind: 'set' | 'same' | 'kept' | 'absent' | 'changed' }
  | { readonly kind: 'taken'; readonly field: 'uid' | 'user' }
  | { readonly kind: 'refused'; readonly faults: readonly PosixFault[] }

interface Setting {
  /** What the site lets anybody be. */
  readonly rule?: PosixRule
  /** Others may be the same user, who say so as well: an admin's to say. */
  readonly shared?: boolean
  /** `null`: whatever the account's version is. */
  readonly versions?: readonly number[] | null
}

/**
 * Says who an account is to file systems, or that this source knows nothing any more (`null`), which takes away only what it
 * said itself. What the site does not allow, and whom another account is, is never set: what stood stays.
 */
export async function setPosix(
  trx: Trx,
  accountId: AccountId,
  posix: Posix | null,
  source: PosixSource,
  { rule = usualPosixRule, shared = false, versions = null }: Setting = {},
): Promise<PosixSet> {
  const faults = posix === null ? [] : checkPosix(posix, rule)
  if (faults.length > 0) return { kind: 'refused', faults }
  const row = await trx
    .selectFrom('account')
    .select(['posix', 'posix_source', 'posix_shared', 'version'])
    .where('id', '=', accountId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (row === undefined) return { kind: 'absent' }
  if (versions !== null && !versions.includes(row.version)) return { kind: 'changed' }
  const standing = row.posix === null ? null : (row.posix_source ?? 'admin')
  if (standing !== null && !mayReplace(standing, source)) return { kind: 'kept' }
  if (posix === null) {
    if (standing === null) return { kind: 'same' }
    // A stronger one that knows nothing leaves what a weaker one said; an admin takes away whatever stands.
    if (standing !== source && source !== 'admin') return { kind: 'kept' }
  } else {
    if (row.posix !== null && samePosix(row.posix, posix) && standing === source && row.posix_shared === shared)
      return { kind: 'same' }
    const taken = await takenBy(trx, accountId, posix, shared)
    if (taken !== null) return { kind: 'taken', field: taken }
  }
  await trx
    .updateTable('account')
    .set({
      posix: posix === null ? null : JSON.stringify(posix),
      posix_source: posix === null ? null : source,
      posix_shared: posix !== null && shared,
      posix_at: sql<Date>`now()`,
      version: sql<number>`version + 1`,
    })
    .where('id', '=', accountId)
    .execute()
  return { kind: 'set' }
}

/**
 * Whether another account is that user: two people who are one to a file system read each other's data. `null`: nobody, or all
 * of them share it on purpose. Until the transaction ends nobody else takes one.
 */
export async function takenBy(
  trx: Trx,
  accountId: AccountId,
  { uid, user }: Posix,
  shared: boolean,
): Promise<'uid' | 'user' | null> {
  await sql`select pg_advisory_xact_lock(hashtext('carrel posix'))`.execute(trx)
  const others = await trx
    .selectFrom('account')
    .select(sql<boolean>`(posix ->> 'uid') = ${String(uid)}`.as('same_uid'))
    .where('id', '<>', accountId)
    .where('posix', 'is not', null)
    .where((eb) =>
      eb.or([sql<boolean>`(posix ->> 'uid') = ${String(uid)}`, sql<boolean>`(posix ->> 'user') = ${user}`]),
    )
    .$if(shared, (q) => q.where('posix_shared', '=', false))
    .limit(10)
    .execute()
  if (others.length === 0) return null
  return others.some((other) => other.same_uid) ? 'uid' : 'user'
}

/** Who said who the account is; `null`: nobody did. */
export async function posixSourceOf(executor: Executor, accountId: AccountId): Promise<PosixSource | null> {
  const row = await executor
    .selectFrom('account')
    .select(['posix', 'posix_source'])
    .where('id', '=', accountId)
    .executeTakeFirst()
  return row === undefined || row.posix === null ? null : (row.posix_source ?? 'admin')
}
