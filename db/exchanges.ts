import { sql } from 'kysely'
import type { SubjectClaims } from '../domain/exchange.ts'
import type { AccountId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'
import { lockIdentity } from './identity-claims.ts'
import { resolveIdentity } from './sign-ins.ts'
import type { Resolved, SignInRule } from './sign-ins.ts'

/** The account of whoever a token speaks of, as `resolveIdentity` says. */
export async function resolveSubject(trx: Trx, said: SubjectClaims, rule: SignInRule): Promise<Resolved> {
  await lockIdentity(trx, said)
  const known = await trx
    .selectFrom('identity')
    .select(['display_name', 'email', 'email_verified', 'claims'])
    .where('issuer', '=', said.issuer)
    .where('subject', '=', said.subject)
    .executeTakeFirst()
  const isAddressSaid = said.email !== null || known === undefined
  return await resolveIdentity(
    trx,
    {
      ...said,
      displayName: said.displayName ?? known?.display_name ?? 'Researcher',
      email: isAddressSaid ? said.email : known.email,
      emailVerified: isAddressSaid ? said.emailVerified : known.email_verified,
      groups: said.groups ?? known?.claims.groups ?? [],
      officeLogin: said.officeLogin ?? known?.claims.login ?? null,
      posix: said.posix ?? known?.claims.posix ?? null,
    },
    rule,
  )
}

/** Forgets a few of the account's exchanged tokens that ended a day ago; those that opened doors when these are forgotten. */
export async function forgetExchanged(trx: Trx, accountId: AccountId): Promise<void> {
  await sql`delete from token where id = any(array(
    select k.id from token k where k.account_id = ${accountId} and k.exchanged and k.expires_at < now() - interval '1 day'
      and not exists (select from door_ticket t where t.token_id = k.id)
      and not exists (select from door_pass p where p.token_id = k.id)
    order by k.id limit 20 for update skip locked))`.execute(trx)
}
