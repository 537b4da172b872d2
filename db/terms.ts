import { sql } from 'kysely'
import type { AccountId } from '../domain/ids.ts'
import type { Executor, Trx } from './connect.ts'

/** Terms of use, of one version. Without text and address they ask nothing. */
export interface Terms {
  readonly version: number
  readonly title: string
  readonly text: string | null
  readonly url: string | null
  readonly since: Date
}

export interface TermsStanding {
  /** `null`: there never were any. */
  readonly terms: Terms | null
  /** When the account accepted this very version. */
  readonly acceptedAt: Date | null
}

/** Whether terms ask anything of anybody. */
export const asksOf = ({ text, url }: Pick<Terms, 'text' | 'url'>): boolean => text !== null || url !== null

/** The current terms, and whether the account has accepted them. */
export async function readTerms(executor: Executor, accountId: AccountId): Promise<TermsStanding> {
  const row = await executor
    .selectFrom('terms as t')
    .leftJoin('account_terms as a', (join) =>
      join.onRef('a.version', '=', 't.version').on('a.account_id', '=', accountId),
    )
    .select(['t.version', 't.title', 't.text', 't.url', 't.since', 'a.accepted_at'])
    .orderBy('t.version', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return { terms: null, acceptedAt: null }
  const { accepted_at, ...terms } = row
  return { terms, acceptedAt: accepted_at }
}

/** Of account `a`, as a part of a statement: whether there are terms that it has yet to accept. */
export const owesTerms = `exists (select from terms t
    where t.version = (select max(version) from terms) and (t.text is not null or t.url is not null)
      and not exists (select from account_terms x where x.account_id = a.id and x.version = t.version))`

/** Whether there are terms that the account has yet to accept. */
export async function mustAcceptTerms(executor: Executor, accountId: AccountId): Promise<boolean> {
  const row = await executor
    .selectFrom('account as a')
    .select(sql<boolean>`${sql.raw(owesTerms)}`.as('owes'))
    .where('a.id', '=', accountId)
    .executeTakeFirst()
  return row?.owes ?? false
}

/** Sets terms as the next version, which everybody has to accept anew. `versions`: of which it may be the next; `null`: whichever. */
export async function putTerms(
  trx: Trx,
  terms: Pick<Terms, 'title' | 'text' | 'url'> & { readonly setBy: AccountId },
  versions: readonly number[] | null,
): Promise<'put' | 'changed'> {
  await sql`select pg_advisory_xact_lock(hashtext('carrel terms'))`.execute(trx)
  const { last } = await trx
    .selectFrom('terms')
    .select(sql<number>`coalesce(max(version), 0)`.as('last'))
    .executeTakeFirstOrThrow()
  if (versions !== null && !versions.includes(last)) return 'changed'
  const { title, text, url, setBy } = terms
  await trx
    .insertInto('terms')
    .values({ version: last + 1, title, text, url, set_by: setBy })
    .execute()
  return 'put'
}

/** Notes that the account accepts terms, which must be the current ones. Repeats change nothing. */
export async function acceptTerms(
  trx: Trx,
  accountId: AccountId,
  version: number,
): Promise<'accepted' | 'already' | 'not_current'> {
  // Whoever sets terms comes before this, or after it.
  await sql`select pg_advisory_xact_lock_shared(hashtext('carrel terms'))`.execute(trx)
  const { terms, acceptedAt } = await readTerms(trx, accountId)
  if (terms === null || terms.version !== version) return 'not_current'
  if (acceptedAt !== null) return 'already'
  await trx
    .insertInto('account_terms')
    .values({ account_id: accountId, version })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return 'accepted'
}
