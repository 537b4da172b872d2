import type { z } from '@hono/zod-openapi'
import type { Db } from '../../db/connect.ts'
import { armInstallation } from '../../db/epoch.ts'
import type { IntentKey } from '../../db/idempotency.ts'
import { providerExists } from '../../db/providers.ts'
import { armSweep, askReconciliation, getReconciliation } from '../../db/reconciliation-asks.ts'
import type { Reconciliation } from '../../db/reconciliation-asks.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ProviderId, ReconciliationId } from '../../domain/ids.ts'
import { installation } from '../access.ts'
import { change, createOnce } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { invalid, notFound, Problem } from '../problem.ts'
import type { ReconciliationCreate } from './schemas.ts'

/** Records that a reconciliation is wanted, once per key. Carried out elsewhere, and read from its row. */
export async function requestReconciliation(
  { db, settings }: Pick<Services, 'db' | 'settings'>,
  deed: Deed,
  intent: IntentKey,
  requestedBy: AccountId,
  asked: z.output<typeof ReconciliationCreate>,
): Promise<ReconciliationId> {
  const id = newId('reconciliation')
  const made = await createOnce(db, deed, intent, { kind: 'reconciliation', id }, async () => {
    const { provider: providerId = null, dryRun, remove } = asked
    if (remove.length > 0 && dryRun) throw invalid('/remove', 'A dry run removes nothing. Set `dryRun` to false.')
    if (providerId !== null) await checkProvider(db, providerId)
    else if (settings.desktopsOutside !== true)
      throw invalid('/accessGateway', 'This installation has no gateway outside.')
    else if (remove.length > 0) throw invalid('/remove', 'Only of a provider can objects be named.')
    return (trx) => askReconciliation(trx, { id, providerId, requestedBy, dryRun, removeNames: [...new Set(remove)] })
  })
  return made.id
}

/** The reconciliation. Throws 404. */
export async function readReconciliation(db: Db, id: ReconciliationId): Promise<Reconciliation> {
  const found = await getReconciliation(db, id)
  if (found === null) throw notFound('reconciliation')
  return found
}

/** Lets a provider's sweep remove again, at first as many as it withheld. Throws 409 where it is armed. */
export async function armProvider(db: Db, deed: Deed, id: ProviderId): Promise<void> {
  await checkProvider(db, id)
  await change(db, deed, { kind: 'provider', id }, async (trx) => {
    if ((await armSweep(trx, id)) === 'already') throw new Problem('conflict', "The provider's sweep is armed.")
  })
}

/** Says that this installation is the one that counts: it carries out again what its rows say. Throws 409 where it is armed. */
export async function arm(db: Db, deed: Deed): Promise<void> {
  await change(db, deed, installation, async (trx) => {
    if ((await armInstallation(trx)) === 'already') throw new Problem('conflict', 'The installation is armed.')
  })
}

/** Throws 404 where there is no such provider. */
export async function checkProvider(db: Db, id: ProviderId): Promise<void> {
  if (!(await providerExists(db, id))) throw invalid('/provider', 'There is no such provider.', 'not_found')
}
