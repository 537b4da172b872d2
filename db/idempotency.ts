import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { Executor, Trx } from './connect.ts'

/** One intent of one principal. The row holds what it made, never an answer. */
export interface IntentKey {
  readonly accountId: AccountId
  readonly client: string
  readonly operation: string
  readonly key: string
  readonly bodyHmac: string
  /** Whether a stored HMAC, perhaps made with an older key, is of this body. */
  readonly isSameBody: (stored: string) => boolean
}

export type Claim =
  | { readonly kind: 'new' }
  | { readonly kind: 'replay'; readonly resourceId: string }
  /** The key was used before, with another body. */
  | { readonly kind: 'reused' }

/** What is known of the key. `new` is no promise: only `claimKey` takes it. */
export async function findKey(executor: Executor, intent: IntentKey): Promise<Claim> {
  const row = await executor
    .selectFrom('idempotency_key')
    .select(['body_hmac', 'resource_id'])
    .where('account_id', '=', intent.accountId)
    .where('client', '=', intent.client)
    .where('operation', '=', intent.operation)
    .where('key', '=', intent.key)
    .executeTakeFirst()
  return claimOf(intent, row)
}

/** What the row of a key means to who asks; `undefined`: there is none. */
export function claimOf(
  intent: IntentKey,
  row: { readonly body_hmac: string; readonly resource_id: string } | undefined,
): Claim {
  if (row === undefined) return { kind: 'new' }
  return intent.isSameBody(row.body_hmac) ? { kind: 'replay', resourceId: row.resource_id } : { kind: 'reused' }
}

/**
 * Takes the key for `resourceId`, which the same transaction goes on to make; or says what it stands for already.
 * Of those who ask at once, all but one wait here until that one has committed.
 */
export async function claimKey(trx: Trx, intent: IntentKey, resourceId: string): Promise<Claim> {
  const taken = await trx
    .insertInto('idempotency_key')
    .values({
      account_id: intent.accountId,
      client: intent.client,
      operation: intent.operation,
      key: intent.key,
      body_hmac: intent.bodyHmac,
      resource_id: resourceId,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('resource_id')
    .executeTakeFirst()
  return taken === undefined ? await findKey(trx, intent) : { kind: 'new' }
}

/** Forgets up to `limit` keys older than 24 h whose session, if they made one, is decided. Returns how many. */
export async function pruneKeys(executor: Executor, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from idempotency_key where ctid = any(array(
      select k.ctid from idempotency_key k
      where k.created_at < now() - interval '24 hours'
        and (select s.state from session s where s.id = k.resource_id) is distinct from 'requested'
      order by k.created_at limit ${limit} for update skip locked))`.execute(executor)
  return Number(numAffectedRows)
}
