import { randomBytes } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import { bootstrap } from '../../stack/bootstrap-steps.ts'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { armInstallation, readArming } from '../../db/epoch.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import type { ReconciliationReport } from '../../domain/reconciliation.ts'
import { createDatabase } from '../setup/database.ts'
import { dump, restore } from '../setup/dump.ts'
import { addAccount } from '../setup/person.ts'
import { createSite } from '../setup/site.ts'
import { ask, eventually, stateOf, stop, until } from '../temporal/stage.ts'
import { dockerSite, leftovers } from './docker-harness.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
}, 120_000)
const later = (cleanup: () => Promise<unknown>) => void cleanups.push(cleanup)

async function openSite() {
  const site = await createSite(dockerSite({ reconcileGraceMs: 0, reconcileEveryMs: 3_600_000 }))
  later(async () => await site.close())
  return site
}

async function copyOf(rows: Awaited<ReturnType<typeof dump>>) {
  const database = await createDatabase()
  later(async () => await database.drop())
  await restore(database.url, rows)
  const db = connect({ url: database.url, poolSize: 4 })
  later(async () => await db.destroy())
  return { url: database.url, db }
}

/** An operator's reconciliation, for real: what it found, and how it went. */
async function reconcile(db: Db, remove: readonly string[] = []) {
  const id = newId('reconciliation')
  const provider_id = 'fake' as ProviderId
  await db
    .insertInto('reconciliation')
    .values({ id, provider_id, requested_by: null, dry_run: false, remove_names: [...remove] })
    .execute()
  const row = async () =>
    await db.selectFrom('reconciliation').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  await eventually('the reconciliation has ended', async () => (await row()).ended_at !== null, 60_000)
  const { outcome, report } = await row()
  return { outcome, kinds: kindsOf(report), drifts: report?.drifts ?? [] }
}

/** How many drifts there are of each kind. */
function kindsOf(report: ReconciliationReport | null): Record<string, number> {
  const kinds: Record<string, number> = {}
  for (const { kind } of report?.drifts ?? []) kinds[kind] = (kinds[kind] ?? 0) + 1
  return kinds
}

const containers = async (deploymentId: string) =>
  (await leftovers(deploymentId)).filter((left) => left.startsWith('container')).length

async function startMany(db: Db, who: Parameters<typeof ask>[1], count: number): Promise<SessionId[]> {
  const ids = await Promise.all(Array.from({ length: count }, async () => await ask(db, who)))
  for (const id of ids) await until(db, id, ['ready'], 120_000)
  return ids
}

test('an older dump restored, a copied database and a second deployment: nothing that runs is removed unasked', async () => {
  const site = await openSite()
  const who = await addAccount(site.db)
  const first = await site.startWorker()
  const older = await startMany(site.db, who, 2)
  const rows = await dump(site.db)
  const newer = await startMany(site.db, who, 10)
  expect(await containers(site.deploymentId)).toBe(12)

  // Another deployment on the same daemon sees its own alone.
  const other = await openSite()
  await other.startWorker()
  const [theirs] = await startMany(other.db, await addAccount(other.db), 1)
  expect(await reconcile(other.db)).toMatchObject({ outcome: 'done', kinds: {} })
  expect(await reconcile(other.db)).toMatchObject({ outcome: 'done', kinds: {} })
  if (theirs !== undefined) {
    await stop(other.db, theirs)
    await until(other.db, theirs, ['stopped'], 60_000)
  }
  expect(await containers(site.deploymentId)).toBe(12)

  // A copy beside the original, with a Temporal of its own: it may be asked what it likes, and does nothing.
  const copy = await copyOf(rows)
  const namespace = `t${randomBytes(6).toString('hex')}`
  const temporal = { address: site.temporalAddress, namespace }
  const { configuration } = dockerSite()
  await bootstrap({ databaseUrl: copy.url, temporal, configuration, retentionDays: 1 }, () => {})
  const stray = await site.startWorker('worker/main.ts', {
    CARREL_DATABASE_URL: copy.url,
    CARREL_TEMPORAL_NAMESPACE: namespace,
  })
  await eventually('the copy has disarmed itself', async () => (await readArming(copy.db)).disarmed === 'copied')
  for (const id of older) await stop(copy.db, id)
  for (let n = 0; n < 3; n++) {
    const { outcome, kinds } = await reconcile(copy.db)
    expect({ outcome, kinds }).toMatchObject({ outcome: 'disarmed', kinds: { unknown_instance: 10 } })
  }
  expect((await stateOf(copy.db, older[0]!)).state).toBe('ready')
  await stray.child.kill()
  expect(await containers(site.deploymentId)).toBe(12)

  // The loss: what is left is the older dump, in a new database.
  await first.child.kill()
  const back = await copyOf(rows)
  // Its Temporal is the one that the lost database had: until an operator says that this is not the copy, it touches no run.
  const returned = site.startWorker('worker/main.ts', { CARREL_DATABASE_URL: back.url })
  await eventually('the restored one has disarmed itself', async () => (await readArming(back.db)).disarmed !== null)
  await back.db.transaction().execute(armInstallation)
  await returned
  for (let n = 0; n < 3; n++) {
    const { outcome, kinds } = await reconcile(back.db)
    expect({ outcome, kinds }).toMatchObject({ outcome: 'done', kinds: { unknown_instance: 10 } })
  }
  expect(await containers(site.deploymentId)).toBe(12)
  for (const id of older) expect((await stateOf(back.db, id)).state).toBe('ready')

  // By name, on an operator's word, they go; what the rows know of stays.
  const names = newer.map((id) => `carrel-${id}-1`)
  await reconcile(back.db, [...names, ...older.map((id) => `carrel-${id}-1`)])
  expect(await containers(site.deploymentId)).toBe(2)
  for (const id of older) await stop(back.db, id)
  for (const id of older) await until(back.db, id, ['stopped'], 60_000)
  expect(await leftovers(site.deploymentId)).toEqual([])
}, 600_000)
