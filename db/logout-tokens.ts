import { sql } from 'kysely'
import type { Trx } from './connect.ts'
import { plainText } from './plain-text.ts'

/** Notes that a logout token was taken. False where it was before. Forgets those that would not be taken any more. */
export async function takeLogoutToken(
  trx: Trx,
  { issuer, jti, expiresAt }: { readonly issuer: string; readonly jti: string; readonly expiresAt: Date },
): Promise<boolean> {
  await sql`delete from logout_token where (issuer, jti) in (
    select issuer, jti from logout_token where expires_at < now() order by expires_at limit 100 for update skip locked)`.execute(
    trx,
  )
  const taken = await trx
    .insertInto('logout_token')
    .values({ issuer, jti: plainText(jti, 255), expires_at: expiresAt })
    .onConflict((conflict) => conflict.columns(['issuer', 'jti']).doNothing())
    .returning('jti')
    .executeTakeFirst()
  return taken !== undefined
}
