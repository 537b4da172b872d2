import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askSync, getSync } from '../../db/catalogue-asks.ts'
import { catalogueWorkflowId, coreQueue, newId } from '../../domain/ids.ts'
import type { CatalogueProject } from '../../domain/catalogue.ts'
import { withTimings } from '../../domain/timings.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { Catalogue } from '../../ports/identity/catalogue/catalogue.ts'
import { createFakeCatalogue } from '../../ports/identity/catalogue/fake/catalogue.ts'
import { workflowNames } from '../../workflows/session.messages.ts'
import type { CatalogueSyncRun } from '../../workflows/session.messages.ts'
import { addAccount } from '../setup/person.ts'
import { recordingKey } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { createStage } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let worker: Awaited<ReturnType<Stage['startWorkers']>> | undefined
const catalogue = createFakeCatalogue('person')
/** Of parts that take their time. */
const inParts = createFakeCatalogue('whole')
const slow: Catalogue = {
  extent: 'whole',
  async list(...asked) {
    await setTimeout(partMs)
    return await inParts.list(...asked)
  },
}
const partMs = 900
/** After a quarter of it a run goes on as another: within three parts. */
const runMs = 10_000
beforeAll(async () => {
  stage = await createStage({ provider: createFakeProvider(), key: recordingKey })
  const issuers = ['https://login.example.org']
  const sources = new Map([
    ['office', { catalogue, issuers }],
    ['slow', { catalogue: slow, issuers }],
  ])
  // Once a century: what is asked for here alone is of interest.
  worker = await stage.startWorkers(['core'], { catalogues: { sources, everyMs: 100 * 365 * 86_400_000 } })
})
afterAll(async () => {
  await worker?.stop()
  await stage?.close()
})

const proposals = (count: number): CatalogueProject[] =>
  Array.from({ length: count }, (_, n) => ({
    externalId: `P${n}`,
    name: `Proposal ${n}`,
    description: '',
    experiments: [],
    members: [],
    partial: false,
  }))

test('a sync that somebody asks for is carried out, batch by batch, and leaves no word of it in its history', async () => {
  const { db, client } = stage
  const { accountId } = await addAccount(db)
  const subject = { issuer: 'https://login.example.org', subject: 'a', account_id: accountId }
  await db
    .insertInto('identity')
    .values({ ...subject, claims: JSON.stringify({ login: 'canary-login' }) })
    .execute()
  catalogue.says('canary-login', { projects: proposals(200), faults: [], unreadable: 0 })
  const id = newId('sync')
  const ask = { source: 'office', accountId: null, requestedBy: null, dryRun: false, allowWithdrawals: 0 }
  await db.transaction().execute(async (trx) => await askSync(trx, { id, ...ask }))
  await expect.poll(async () => (await getSync(db, id))?.outcome, { timeout: 60_000 }).toBe('done')
  expect(await getSync(db, id)).toMatchObject({ report: { counts: { addProject: 200, addMember: 200 } } })
  const workflowId = `${catalogueWorkflowId('office')}/${id}`
  const handle = client.workflow.getHandle(workflowId)
  await handle.result()
  const history = JSON.stringify(await handle.fetchHistory())
  expect(history).not.toContain('canary-login')
  expect(history).not.toContain('Proposal')
  await record(client, 'catalogue-sync', workflowId)
})

test('a sync that takes longer than a run may last goes on as another, where it was', async () => {
  const { db, client } = stage
  inParts.says(null, ...proposals(4).map((project) => ({ projects: [project], faults: [], unreadable: 0 })))
  const run: CatalogueSyncRun = { source: 'slow', timings: withTimings({ reconcileRunMs: runMs }) }
  const workflowId = catalogueWorkflowId('slow')
  const handle = await client.workflow.start(workflowNames.catalogueSync, {
    workflowId,
    taskQueue: coreQueue,
    args: [run],
  })
  await handle.result()
  const { runId } = await client.workflow.getHandle(workflowId).describe()
  expect(runId).not.toBe(handle.firstExecutionRunId)
  const rows = await db.selectFrom('catalogue_sync').selectAll().where('source', '=', 'slow').execute()
  expect(rows).toMatchObject([{ outcome: 'done', report: { read: 1, counts: { addProject: 4 } }, changed: 4 }])
})
