import { Migrator } from 'kysely/migration'
import type { Migration } from 'kysely/migration'
import { connect } from './connect.ts'
import * as spine from './migrations/2026-11-22-spine.ts'
import * as upkeep from './migrations/2026-11-22-upkeep.ts'
import * as announcements from './migrations/2026-11-23-announcements.ts'
import * as doors from './migrations/2026-11-24-doors.ts'
import * as outside from './migrations/2026-11-25-outside.ts'
import * as outsideWatch from './migrations/2026-11-26-outside-watch.ts'
import * as outsideReconciliation from './migrations/2026-11-27-outside-reconciliation.ts'
import * as guests from './migrations/2026-11-28-guests.ts'
import * as volumes from './migrations/2026-11-29-volumes.ts'
import * as registry from './migrations/2026-11-30-registry.ts'
import * as reports from './migrations/2026-12-01-reports.ts'
import * as pausing from './migrations/2026-12-02-pause.ts'
import * as links from './migrations/2026-12-03-links.ts'
import * as handover from './migrations/2026-12-04-handover.ts'
import * as signIn from './migrations/2026-12-05-sign-in.ts'
import * as accounts from './migrations/2026-12-07-accounts.ts'
import * as experiments from './migrations/2026-12-08-experiments.ts'
import * as invitations from './migrations/2026-12-09-invitations.ts'
import * as portals from './migrations/2026-12-10-portals.ts'
import * as machines from './migrations/2026-12-11-machines.ts'
import * as withdrawals from './migrations/2026-12-12-withdrawals.ts'
import * as gate from './migrations/2026-12-13-gate.ts'
import * as catalogues from './migrations/2026-12-14-catalogues.ts'
import * as denials from './migrations/2026-12-15-denials.ts'

/** Every migration there is, by the name it is recorded under. Frozen once it has landed. */
export const migrations: Readonly<Record<string, Migration>> = {
  '2026-11-22-spine': spine,
  '2026-11-22-upkeep': upkeep,
  '2026-11-23-announcements': announcements,
  '2026-11-24-doors': doors,
  '2026-11-25-outside': outside,
  '2026-11-26-outside-watch': outsideWatch,
  '2026-11-27-outside-reconciliation': outsideReconciliation,
  '2026-11-28-guests': guests,
  '2026-11-29-volumes': volumes,
  '2026-11-30-registry': registry,
  '2026-12-01-reports': reports,
  '2026-12-02-pause': pausing,
  '2026-12-03-links': links,
  '2026-12-04-handover': handover,
  '2026-12-05-sign-in': signIn,
  '2026-12-07-accounts': accounts,
  '2026-12-08-experiments': experiments,
  '2026-12-09-invitations': invitations,
  '2026-12-10-portals': portals,
  '2026-12-11-machines': machines,
  '2026-12-12-withdrawals': withdrawals,
  '2026-12-13-gate': gate,
  '2026-12-14-catalogues': catalogues,
  '2026-12-15-denials': denials,
}

/** Brings the database at `url` to the newest schema; safe to run beside itself. Returns what was applied. Throws what failed. */
export async function migrateToLatest(url: string): Promise<readonly string[]> {
  const db = connect({ url, poolSize: 2, statementTimeoutMs: 5 * 60_000, name: 'carrel-migrate' })
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
    const { error, results } = await migrator.migrateToLatest()
    if (error !== undefined) throw error instanceof Error ? error : new Error('The migration failed.', { cause: error })
    return (results ?? []).map((result) => result.migrationName)
  } finally {
    await db.destroy()
  }
}
