import { sql } from 'kysely'
import type { AccountId, ProjectId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'

/** How many invitations a day may be written, and mails be meant for one address: against spam. */
export interface InvitationRates {
  readonly perAccount: number
  readonly perProject: number
  readonly perAddress: number
}

/** Which limit is reached, and in how many seconds there is room again; `null`: none. */
export type Exceeded = { readonly of: keyof InvitationRates; readonly inSeconds: number } | null

interface Asked {
  readonly inviterId: AccountId
  readonly projectId: ProjectId
  readonly email: string
}

/**
 * Whether one more invitation goes beyond a limit of the last 24 h. Those who write at once wait for one another here, until the
 * transaction ends: before any row is locked.
 */
export async function exceededRate(
  trx: Trx,
  { inviterId, projectId, email }: Asked,
  rates: InvitationRates,
): Promise<Exceeded> {
  for (const name of [`account ${inviterId}`, `address ${email}`, `project ${projectId}`])
    await sql`select pg_advisory_xact_lock(hashtextextended(${`invitation ${name}`}, 0))`.execute(trx)
  const { rows } = await sql<{ of: keyof InvitationRates; written: number; waitSeconds: number }>`
    select "of", count(*)::int as written,
      ceil(extract(epoch from min(at) + interval '24 hours' - now()))::int as "waitSeconds"
    from (
      select 'perAccount' as "of", created_at as at from invitation where inviter_id = ${inviterId}
      union all select 'perProject', created_at from invitation where project_id = ${projectId}
      union all select 'perAddress', created_at from invitation where email = ${email}
    ) written where at > now() - interval '24 hours' group by "of" order by "of"`.execute(trx)
  const over = rows.find((row) => row.written >= rates[row.of])
  return over === undefined ? null : { of: over.of, inSeconds: Math.max(1, over.waitSeconds) }
}
