import type { Db } from '../../db/connect.ts'
import { endMaintenance, putMaintenance, readMaintenance } from '../../db/maintenance.ts'
import type { MaintenanceState } from '../../db/maintenance.ts'
import { installation } from '../access.ts'
import { change } from '../changes.ts'
import type { Deed } from '../env.ts'
import { invalid } from '../problem.ts'
import { changedMeanwhile } from '../versions.ts'

/** Switches maintenance on, or changes what users are told. Throws 422 for a past `until`, 412 if it changed since it was read. */
export async function begin(
  db: Db,
  deed: Deed,
  told: { readonly text: string; readonly until: Date | null },
  versions: readonly number[] | null,
): Promise<MaintenanceState> {
  if (told.until !== null && told.until.getTime() <= Date.now())
    throw invalid('/until', 'Expected a time in the future.')
  return await change(db, deed, installation, async (trx) => {
    if ((await putMaintenance(trx, told, versions)) === 'changed') throw changedMeanwhile()
    return await readMaintenance(trx)
  })
}

/** Sessions are admitted again, those first that waited. Repeats change nothing. */
export async function end(db: Db, deed: Deed): Promise<MaintenanceState> {
  return await change(db, deed, installation, async (trx) => {
    await endMaintenance(trx)
    return await readMaintenance(trx)
  })
}
