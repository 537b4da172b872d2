import { sql } from 'kysely'
import type { TokenId } from '../domain/ids.ts'
import type { Db, Executor } from './connect.ts'
import { batchOf, briefly, rowsPerBatch } from './upkeep.ts'
import type { Batch } from './upkeep.ts'

export interface SignedOnce {
  readonly keyId: TokenId
  /** Seconds since the epoch, as they were signed. */
  readonly ts: number
  readonly nonce: string
  /** When it would not be taken for its age alone, by whatever clock. */
  readonly until: Date
}

/** Remembers what was signed, for every process. False: it was taken before. */
export async function takeNonce(executor: Executor, { keyId, ts, nonce, until }: SignedOnce): Promise<boolean> {
  const taken = await executor
    .insertInto('hawk_nonce')
    .values({ token_id: keyId, ts, nonce, expires_at: until })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return taken.numInsertedOrUpdatedRows === 1n
}

/** Forgets what is refused for its age. */
export async function forgetNonces(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const deleted = await sql`delete from hawk_nonce where (token_id, ts, nonce) in (
      select token_id, ts, nonce from hawk_nonce where expires_at < now()
      order by expires_at limit ${rowsPerBatch} for update skip locked)`.execute(trx)
    return batchOf(Number(deleted.numAffectedRows))
  })
}
