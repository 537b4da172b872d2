import type { Db } from '../../db/connect.ts'
import { getProvider } from '../../db/provider-overview.ts'
import type { ProviderOverview } from '../../db/provider-overview.ts'
import { reopenProvider, shutProvider } from '../../db/provider-shut.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { change } from '../changes.ts'
import type { Deed } from '../env.ts'
import { notFound } from '../problem.ts'

/** The provider. Throws 404. */
export async function readProvider(db: Db, id: ProviderId): Promise<ProviderOverview> {
  const provider = await getProvider(db, id)
  if (provider === null) throw notFound('provider')
  return provider
}

/** Has no session begin there; what runs goes on. Repeats change nothing. */
export async function drain(db: Db, deed: Deed, id: ProviderId): Promise<ProviderOverview> {
  await change(db, deed, { kind: 'provider', id }, (trx) => shutProvider(trx, id, 'draining'))
  return await readProvider(db, id)
}

/** Has sessions begin there again, those first that waited. Repeats change nothing. */
export async function undrain(db: Db, deed: Deed, id: ProviderId): Promise<ProviderOverview> {
  await change(db, deed, { kind: 'provider', id }, (trx) => reopenProvider(trx, id, 'draining'))
  return await readProvider(db, id)
}
