import { sql } from 'kysely'
import { canonicalEmail } from '../domain/email.ts'
import type { Trx } from './connect.ts'

/** Whether an invitation to this address is open. */
export async function isInvited(trx: Trx, email: string): Promise<boolean> {
  const canonical = canonicalEmail(email)
  if (canonical === null) return false
  const open = await trx
    .selectFrom('invitation')
    .select('id')
    .where('email', '=', canonical)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .limit(1)
    .executeTakeFirst()
  return open !== undefined
}
