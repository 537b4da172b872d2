import type { z } from '@hono/zod-openapi'
import { askSync, getSync } from '../../db/catalogue-asks.ts'
import type { CatalogueSync } from '../../db/catalogue-asks.ts'
import type { Db } from '../../db/connect.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, SyncId } from '../../domain/ids.ts'
import { createOnce } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { invalid, notFound } from '../problem.ts'
import type { CatalogueSyncCreate } from './schemas.ts'

/** Records that a sync is wanted, once per key. Carried out elsewhere, and read from its row. */
export async function requestSync(
  { db, settings }: Pick<Services, 'db' | 'settings'>,
  deed: Deed,
  intent: IntentKey,
  requestedBy: AccountId,
  asked: z.output<typeof CatalogueSyncCreate>,
): Promise<CatalogueSync> {
  const id = newId('sync')
  const { source, dryRun, allowWithdrawals } = asked
  const made = await createOnce(db, deed, intent, { kind: 'catalogueSync', id }, async () => {
    if (!(settings.catalogues ?? []).some((catalogue) => catalogue.id === source))
      throw invalid('/source', 'There is no such catalogue.')
    return async (trx) => await askSync(trx, { id, source, accountId: null, requestedBy, dryRun, allowWithdrawals })
  })
  return await readSync(db, made.id)
}

/** The sync. Throws 404. */
export async function readSync(db: Db, id: SyncId): Promise<CatalogueSync> {
  const sync = await getSync(db, id)
  if (sync === null) throw notFound('catalogueSync')
  return sync
}
