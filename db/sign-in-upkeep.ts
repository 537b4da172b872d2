import { sql } from 'kysely'
import type { Db } from './connect.ts'
import { batchOf, briefly, daysAgo, rowsPerBatch } from './upkeep.ts'
import type { Batch } from './upkeep.ts'

const recordsDays = 30

/**
 * Forgets sign-ins that nobody finished, what programs asked to be let in, logout tokens that would be refused for their age, and who was
 * signed in with which browser from where 30 days after it ended. That somebody signed in stays in the audit.
 */
export async function forgetSignIns(db: Db): Promise<Batch> {
  return await briefly(db, async (trx) => {
    const stale = [
      sql`delete from sign_in where state_hash = any(array(
        select state_hash from sign_in where expires_at < now()
        order by expires_at limit ${rowsPerBatch} for update skip locked))`,
      sql`delete from device_authorization where device_hash = any(array(
        select device_hash from device_authorization where expires_at < now() - interval '10 minutes'
        order by expires_at limit ${rowsPerBatch} for update skip locked))`,
      sql`delete from logout_token where (issuer, jti) in (
        select issuer, jti from logout_token where expires_at < now()
        order by expires_at limit ${rowsPerBatch} for update skip locked)`,
      sql`delete from browser_session where token_id = any(array(
        select token_id from browser_session where ends_at < ${daysAgo(recordsDays)}
        order by ends_at limit ${rowsPerBatch} for update skip locked))`,
    ]
    let all: Batch = { done: 0, more: false }
    for (const deletion of stale) {
      const { done, more } = batchOf(Number((await deletion.execute(trx)).numAffectedRows))
      all = { done: all.done + done, more: all.more || more }
    }
    return all
  })
}
