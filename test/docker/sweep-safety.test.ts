import { randomBytes } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import { bootstrap } from '../../stack/bootstrap-steps.ts'
import { connect } from '../../db/connect.ts'
import type { Db } from '../../db/connect.ts'
import { armInstallation, readArming } from '../../db/epoch.ts'
import { instanceName } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { ReconciliationReport } from '../../domain/reconciliation.ts'
import { openBackend } from '../proof/backend.ts'
import { hearing } from '../proof/hearing.ts'
import { proofLength, tell } from '../proof/length.ts'
import { localProvider, nameOf, proofTarget } from '../proof/target.ts'
import { toldTarget } from '../proof/told-target.ts'
import { createDatabase } from '../setup/database.ts'
import { dump, restore } from '../setup/dump.ts'
import { addAccount } from '../setup/person.ts'
import { reconcile } from '../setup/reconcile.ts'
import { createSite } from '../setup/site.ts'
import { ask, eventually, stateOf, stop, until } from '../temporal/stage.ts'

// On Docker; the long proof runs it on whatever provider it is told.
const target = toldTarget() ?? proofTarget({ provider: localProvider('docker'), directory: '' })
const backend = await openBackend(target)
/** A real backend has its own time. */
const longMs = 60_000 + 4 * target.callMs
const readyMs = target.template.startLimitSeconds * 1_000
const { durationMs } = proofLength({ seed: 1, runs: 1, durationMs: 600_000 })

const deployments: string[] = []
const cleanups: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
  await backend.close(...deployments)
}, 600_000)
const later = (cleanup: () => Promise<unknown>) => void cleanups.push(cleanup)

const configuration = {
  providers: [{ ...target.provider, id: 'fake' }],
  templates: [{ name: 'trivial', spec: { ...target.template, provider: { id: 'fake' } } }],
  quotaDefaults: {},
}

async function openSite() {
  const site = await createSite({
    configuration,
    timings: {
      databaseTimeoutMs: 2_000,
      workflowTaskMs: 3_000,
      heartbeatMs: 2_000,
      providerRetryMs: 200,
      providerRetryMaxMs: 1_000,
      observeBusyMs: 300,
      observeIdleMs: 500,
      reconcileGraceMs: 0,
      reconcileEveryMs: 3_600_000,
    },
  })
  later(async () => await site.close())
  deployments.push(site.deploymentId)
  // Every worker of the site is told where its instances report, if they do.
  const heard = await hearing(site, target)
  const startWorker: typeof site.startWorker = async (entry, more) =>
    await site.startWorker(entry, { ...heard, ...more })
  return { ...site, startWorker }
}

async function copyOf(rows: Awaited<ReturnType<typeof dump>>) {
  const database = await createDatabase()
  later(async () => await database.drop())
  await restore(database.url, rows)
  const db = connect({ url: database.url, poolSize: 4 })
  later(async () => await db.destroy())
  return { url: database.url, db }
}

/** How a reconciliation went, and what it found. */
async function found(db: Db, remove: readonly string[] = []) {
  const { outcome, report } = await reconcile(db, remove)
  return { outcome, kinds: kindsOf(report) }
}

/** How many drifts there are of each kind. */
function kindsOf(report: ReconciliationReport | null): Record<string, number> {
  const kinds: Record<string, number> = {}
  for (const { kind } of report?.drifts ?? []) kinds[kind] = (kinds[kind] ?? 0) + 1
  return kinds
}

const instances = async (deploymentId: string) => (await backend.held(deploymentId)).length

async function startMany(db: Db, who: Parameters<typeof ask>[1], count: number): Promise<SessionId[]> {
  const ids = await Promise.all(Array.from({ length: count }, async () => await ask(db, who)))
  for (const id of ids) await until(db, id, ['ready'], readyMs)
  return ids
}

test(
  'an older dump restored, a copied database and a second deployment: nothing that runs is removed unasked',
  async () => {
    const site = await openSite()
    const who = await addAccount(site.db, target.posix)
    const first = await site.startWorker()
    const older = await startMany(site.db, who, 2)
    const rows = await dump(site.db)
    const newer = await startMany(site.db, who, 10)
    expect(await instances(site.deploymentId)).toBe(12)

    // Another deployment on the same daemon sees its own alone.
    const other = await openSite()
    await other.startWorker()
    const [theirs] = await startMany(other.db, await addAccount(other.db, target.posix), 1)
    expect(await found(other.db)).toMatchObject({ outcome: 'done', kinds: {} })
    expect(await found(other.db)).toMatchObject({ outcome: 'done', kinds: {} })
    if (theirs !== undefined) {
      await stop(other.db, theirs)
      await until(other.db, theirs, ['stopped'], longMs)
    }
    expect(await instances(site.deploymentId)).toBe(12)

    // A copy beside the original, with a Temporal of its own: it may be asked what it likes, and does nothing.
    const copy = await copyOf(rows)
    const namespace = `t${randomBytes(6).toString('hex')}`
    const temporal = { address: site.temporalAddress, namespace }
    await bootstrap({ databaseUrl: copy.url, temporal, configuration, retentionDays: 1 }, () => {})
    const stray = await site.startWorker('worker/main.ts', {
      CARREL_DATABASE_URL: copy.url,
      CARREL_TEMPORAL_NAMESPACE: namespace,
    })
    await eventually('the copy has disarmed itself', async () => (await readArming(copy.db)).disarmed === 'copied')
    for (const id of older) await stop(copy.db, id)
    for (let n = 0; n < 3; n++) {
      const { outcome, kinds } = await found(copy.db)
      expect({ outcome, kinds }).toMatchObject({ outcome: 'disarmed', kinds: { unknown_instance: 10 } })
    }
    expect((await stateOf(copy.db, older[0]!)).state).toBe('ready')
    await stray.child.kill()
    expect(await instances(site.deploymentId)).toBe(12)

    // The loss: what is left is the older dump, in a new database.
    await first.child.kill()
    const back = await copyOf(rows)
    // Its Temporal is the one that the lost database had: until an operator says that this is not the copy, it touches no run.
    const returned = site.startWorker('worker/main.ts', { CARREL_DATABASE_URL: back.url })
    await eventually('the restored one has disarmed itself', async () => (await readArming(back.db)).disarmed !== null)
    await back.db.transaction().execute(armInstallation)
    await returned
    for (let n = 0; n < 3; n++) {
      const { outcome, kinds } = await found(back.db)
      expect({ outcome, kinds }).toMatchObject({ outcome: 'done', kinds: { unknown_instance: 10 } })
    }
    expect(await instances(site.deploymentId)).toBe(12)
    for (const id of older) expect((await stateOf(back.db, id)).state).toBe('ready')

    // By name, on an operator's word, they go; what the rows know of stays.
    const names = newer.map((id) => instanceName(id, 1))
    await reconcile(back.db, [...names, ...older.map((id) => instanceName(id, 1))])
    expect(await instances(site.deploymentId)).toBe(2)
    for (const id of older) await stop(back.db, id)
    for (const id of older) await until(back.db, id, ['stopped'], longMs)
    expect(await instances(site.deploymentId)).toBe(0)
    expect((await backend.leftovers(site.deploymentId)) ?? []).toEqual([])
    tell({
      cases: 3,
      breaches: [],
      notes: [`restored, beside another and copied, on ${nameOf(target)}: nothing removed unasked`],
    })
  },
  durationMs,
)
