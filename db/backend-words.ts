import { sql } from 'kysely'
import type { KnownWords } from '../domain/backend-words.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Db } from './connect.ts'
import { lifetimeEnd } from './lifetime.ts'
import { plainText } from './plain-text.ts'

const longestReason = 500

/**
 * Keeps what backends say of instances: what they wait for, when they mean to begin them, and when they will end them. A session
 * that is ready ends by that, and its run is told where the end moved.
 */
export async function recordWords(db: Db, all: readonly (SessionKey & KnownWords)[]): Promise<void> {
  if (all.length === 0) return
  const said = JSON.stringify(
    all.map(({ sessionId, generation, pendingReason, expectedAt, endsAt }) => ({
      sessionId,
      generation,
      reason: pendingReason === null ? null : plainText(pendingReason, longestReason),
      expectedAt: expectedAt === null ? null : new Date(expectedAt).toISOString(),
      endsAt: endsAt === null ? null : new Date(endsAt).toISOString(),
    })),
  )
  const words = sql`jsonb_to_recordset(${said}::jsonb)
    as o("sessionId" text, generation int, reason text, "expectedAt" timestamptz, "endsAt" timestamptz)`
  await db.transaction().execute(async (trx) => {
    // Sessions before what is theirs, in one order, as everybody locks them.
    await sql`
      select from session where id in (select "sessionId" from ${words}) order by id for no key update`.execute(trx)
    await sql`
      update instance i set pending_reason = o.reason, ends_at = o."endsAt" from ${words}
      where i.session_id = o."sessionId" and i.generation = o.generation`.execute(trx)
    await sql`
      update session set expected_start_at = o."expectedAt" from ${words}
      where id = o."sessionId" and session.generation = o.generation
        and expected_start_at is distinct from o."expectedAt"`.execute(trx)
    await sql`
      update session set lifetime_ends_at = ${lifetimeEnd},
        wake_version = wake_version + 1, next_try_at = now(), tries = 0
      from ${words}
      where id = o."sessionId" and session.generation = o.generation and state = 'ready'
        and lifetime_ends_at is distinct from ${lifetimeEnd}`.execute(trx)
  })
}
