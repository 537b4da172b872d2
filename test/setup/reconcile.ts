import type { Db } from '../../db/connect.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { eventually } from '../temporal/stage.ts'

/** An operator's reconciliation of the provider `fake`, to its end. `remove`: what is to go though no row knows of it, by name. */
export async function reconcile(db: Db, remove: readonly string[] = []) {
  const id = newId('reconciliation')
  const provider_id = 'fake' as ProviderId
  await db
    .insertInto('reconciliation')
    .values({ id, provider_id, requested_by: null, dry_run: false, remove_names: [...remove] })
    .execute()
  const row = async () =>
    await db.selectFrom('reconciliation').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  await eventually('the reconciliation has ended', async () => (await row()).ended_at !== null, 120_000)
  return await row()
}
