import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { AccountId, InvitationId, ProjectId } from '../domain/ids.ts'
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
  await holdTurn(trx, [`account ${inviterId}`, `address ${email}`, `project ${projectId}`])
  return await exceeded(
    trx,
    sql`
      select 'perAccount' as "of", created_at as at from invitation where inviter_id = ${inviterId}
      union all select 'perProject', created_at from invitation where project_id = ${projectId}
      union all ${meantFor(email)}`,
    rates,
  )
}

/** Whether one more mail about the invitation goes beyond what its address is sent in 24 h, by whomever. The same as above. */
export async function exceededByMail(trx: Trx, id: InvitationId, rates: InvitationRates): Promise<Exceeded> {
  const { email } = await trx.selectFrom('invitation').select('email').where('id', '=', id).executeTakeFirstOrThrow()
  await holdTurn(trx, [`address ${email}`])
  return await exceeded(trx, meantFor(email), rates)
}

async function holdTurn(trx: Trx, names: readonly string[]): Promise<void> {
  for (const name of names)
    await sql`select pg_advisory_xact_lock(hashtextextended(${`invitation ${name}`}, 0))`.execute(trx)
}

/** Mails that were meant for an address, and invitations to it that others bring. */
const meantFor = (email: string) => sql`
  select 'perAddress' as "of", m.wanted_at as at from invitation i join invitation_mail m on m.invitation_id = i.id
    where i.email = ${email}
  union all select 'perAddress', created_at from invitation where email = ${email} and delivery = 'link'`

async function exceeded(trx: Trx, all: RawBuilder<unknown>, rates: InvitationRates): Promise<Exceeded> {
  const { rows } = await sql<{ of: keyof InvitationRates; written: number; waitSeconds: number }>`
    select "of", count(*)::int as written,
      ceil(extract(epoch from min(at) + interval '24 hours' - now()))::int as "waitSeconds"
    from (${all}) written where at > now() - interval '24 hours' group by "of" order by "of"`.execute(trx)
  const over = rows.find((row) => row.written >= rates[row.of])
  return over === undefined ? null : { of: over.of, inSeconds: Math.max(1, over.waitSeconds) }
}
