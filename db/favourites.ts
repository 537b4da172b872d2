import type { AccountId } from '../domain/ids.ts'
import type { Trx } from './connect.ts'

export type FavouriteKind = 'project' | 'experiment'

/** What an account wants to find first. */
export interface Favourite {
  readonly accountId: AccountId
  readonly kind: FavouriteKind
  readonly subjectId: string
}

/** Repeats are harmless. */
export async function addFavourite(trx: Trx, { accountId, kind, subjectId }: Favourite): Promise<void> {
  await trx
    .insertInto('favourite')
    .values({ account_id: accountId, kind, subject_id: subjectId })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Repeats are harmless. */
export async function removeFavourite(trx: Trx, { accountId, kind, subjectId }: Favourite): Promise<void> {
  await trx
    .deleteFrom('favourite')
    .where('account_id', '=', accountId)
    .where('kind', '=', kind)
    .where('subject_id', '=', subjectId)
    .execute()
}
