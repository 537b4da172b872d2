import type { Db } from '../../db/connect.ts'
import { readQuota, setQuota } from '../../db/quotas.ts'
import type { Quota } from '../../db/quotas.ts'
import type { Payer } from '../../domain/admission.ts'
import type { Limits } from '../../domain/resources.ts'
import { change } from '../changes.ts'
import type { Deed } from '../env.ts'
import { notFound } from '../problem.ts'
import { changedMeanwhile } from '../versions.ts'

/** A payer's quota. Throws 404. */
export async function quotaOf(db: Db, payer: Payer): Promise<Quota> {
  const quota = await readQuota(db, payer)
  if (quota === null) throw notFound('quota')
  return quota
}

/** Sets a payer's limits. What is held stays held, also above them. Throws 412 if they changed since they were read. */
export async function limitPayer(
  db: Db,
  deed: Deed,
  payer: Payer,
  limits: Limits,
  versions: readonly number[] | null,
): Promise<Quota> {
  return await change(db, deed, payer, async (trx) => {
    const outcome = await setQuota(trx, payer, limits, versions)
    if (outcome === 'changed') throw changedMeanwhile()
    const quota = outcome === 'absent' ? null : await readQuota(trx, payer)
    if (quota === null) throw notFound('quota')
    return quota
  })
}
