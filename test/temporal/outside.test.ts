import { sql } from 'kysely'
import { afterEach, expect, test } from 'vitest'
import { removeCollaborator } from '../../db/collaborators.ts'
import { wantAccountRemoved } from '../../db/outside-watch.ts'
import { listLiveTunnels, requestCut } from '../../db/tunnels.ts'
import { newId, sessionWorkflowId, watchDoorsWorkflowId } from '../../domain/ids.ts'
import type { AccountId, SessionId } from '../../domain/ids.ts'
import type { Timings } from '../../domain/timings.ts'
import { createSecrets } from '../../platform/secrets.ts'
import { createGuacamoleGateway } from '../../ports/access/guacamole/gateway.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { createAccessAccounts } from '../../worker/access-accounts.ts'
import { deskDoor } from '../proof/faults/outside.ts'
import { addAccount } from '../setup/person.ts'
import { createDoubleSite } from '../support/guacamole/site.ts'
import { recordingKey } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { openDesk, wayIn } from './outside-stage.ts'
import { ask, createStage, eventually, stateOf, stop, until } from './stage.ts'
import type { Stage } from './stage.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** A site whose desktops a played Guacamole shows, reached by the real driver. */
async function open(timings: Partial<Timings> = {}, more: Parameters<Stage['startWorkers']>[1] = {}) {
  const site = await createDoubleSite(1)
  cleanups.push(async () => await site.close())
  const provider = createFakeProvider({ endpoint: 'serve' })
  const stage = await createStage({
    provider,
    key: recordingKey,
    template: { doors: deskDoor, sharing: 'invited' },
    timings: {
      accessTimeoutMs: 5_000,
      closeDoorsFirstMs: 1_500,
      watchDoorsMs: 500,
      listDoorsMs: 500,
      observeRunMs: 5_000,
      observeIdleMs: 60_000,
      ...timings,
    },
  })
  cleanups.push(async () => await stage.close())
  const accounts = createAccessAccounts(stage.db, createSecrets(stage.keyring))
  const workers = await stage.startWorkers(['core', 'access', 'provider/*'], {
    openAccess: () => createGuacamoleGateway({ settings: site.settings, accounts }),
    ...more,
  })
  cleanups.push(async () => await workers.stop())
  const owner = await addAccount(stage.db)
  await stage.db.updateTable('project').set({ sharing: 'invited' }).where('id', '=', owner.projectId).execute()
  const id = await ask(stage.db, owner)
  await until(stage.db, id, ['ready'])
  return { site, stage, provider, owner, id }
}

const live = async ({ db }: Stage, id: Awaited<ReturnType<typeof ask>>) =>
  (await listLiveTunnels(db, id, { after: null, limit: 10 })).items

test('two open a desk; one is sent away, one is cut and comes back; the stop leaves nothing at the gateway', async () => {
  const { site, stage, owner, id } = await open()
  const { db } = stage
  const guest = await addAccount(db)
  await db.insertInto('collaborator').values({ session_id: id, account_id: guest.accountId, mode: 'view' }).execute()
  const desk = await wayIn(stage, await openDesk(stage, id, owner.accountId))
  const owners = site.enter(desk)
  const guests = site.enter(await wayIn(stage, await openDesk(stage, id, guest.accountId, 'view')))
  await Promise.all([owners.shown(), guests.shown()])
  await eventually('both are in the books', async () => (await live(stage, id)).length === 2)
  expect((await live(stage, id)).map(({ mode, accountId }) => `${mode} ${accountId}`).toSorted()).toEqual(
    [`control ${owner.accountId}`, `view ${guest.accountId}`].toSorted(),
  )

  const tunnel = (await live(stage, id)).find(({ mode }) => mode === 'control')
  await db.transaction().execute(async (trx) => await requestCut(trx, id, tunnel?.id ?? ''))
  await owners.ended()
  const again = site.enter(desk)
  await again.shown()
  expect(guests.closed()).toBeNull()

  await db.transaction().execute(async (trx) => await removeCollaborator(trx, id, guest.accountId))
  await guests.ended()
  expect(again.closed()).toBeNull()
  await eventually('only the owner is left in the books', async () => {
    const left = await live(stage, id)
    return left.length === 1 && left[0]?.accountId === owner.accountId
  })

  await stop(db, id)
  await again.ended()
  await until(db, id, ['stopped'])
  expect(site.leftovers(stage.deploymentId)).toEqual([])
  expect(await live(stage, id)).toEqual([])
  const doors = await db.selectFrom('outside_doors').selectAll().where('session_id', '=', id).execute()
  expect(doors.map((row) => row.closed_at !== null)).toEqual([true])
  await record(stage.client, 'outside', sessionWorkflowId(id))
  await record(stage.client, 'watch-doors', watchDoorsWorkflowId)
})

test('a gateway that is away at a stop: the instance goes after its time, and the session ends when both are clean', async () => {
  const { site, stage, provider, owner, id } = await open()
  const browser = site.enter(await wayIn(stage, await openDesk(stage, id, owner.accountId)))
  await browser.shown()
  const [node] = site.nodes
  node?.faults.add({ matches: () => true, effect: 'cut_before' })
  const askedAt = Date.now()
  await stop(stage.db, id)
  await eventually('the instance is removed', () => provider.backend.count() === 0)
  expect(Date.now() - askedAt).toBeGreaterThanOrEqual(1_400)
  expect((await stateOf(stage.db, id)).state).toBe('stopping')
  expect(site.leftovers(stage.deploymentId)).not.toEqual([])
  node?.faults.clear()
  await until(stage.db, id, ['stopped'])
  expect(site.leftovers(stage.deploymentId)).toEqual([])
})

test('what belongs to no live session is swept, but not while disarmed, and not what no row knows of', async () => {
  const { site, stage, owner, id } = await open({ reconcileGraceMs: 200, sweepDoorsMs: 200, listDoorsMs: 200 })
  const { db, deploymentId } = stage
  await stop(db, id)
  await until(db, id, ['stopped'])
  await sql`update installation set disarmed_at = now(), disarmed_reason = 'restored', disarmed_epoch = 1`.execute(db)
  // Another driver, which was never told of the end, puts back what was there, and something of a session that never was.
  const unknown = newId('session')
  const put = async (sessionId: SessionId, accountId: AccountId) => {
    const use = { deploymentId, sessionId, generation: 1, door: 'desk', mode: 'control', accountId } as const
    const target = { protocol: 'vnc', host: '127.0.0.1', port: 5901, parameters: {} } as const
    const opened = await site.driver().open(use, target, AbortSignal.timeout(30_000))
    expect(opened.kind).toBe('opened')
  }
  await put(id, owner.accountId)
  await put(unknown, owner.accountId)
  const drift = async () => await db.selectFrom('outside_drift').selectAll().orderBy('kind').execute()
  await eventually('both were seen often and long enough', async () => {
    const found = await drift()
    return ['connection', 'unknown'].every((kind) => found.some((row) => row.kind === kind && row.seen > 3))
  })
  const names = () => site.leftovers(deploymentId).filter((name) => name.startsWith('connection '))
  expect(names()).toHaveLength(2)

  await sql`update installation set disarmed_at = null, disarmed_reason = null, disarmed_epoch = null`.execute(db)
  await eventually('what has ended is swept', () => names().length === 1)
  expect(names()[0]).toContain(unknown)
  await eventually('the user whom nothing needs is swept, after longer', () => site.users(deploymentId).length === 0)
  await eventually('only the unknown is left over', async () => {
    const found = await drift()
    return found.length === 1 && found[0]?.subject === `${unknown}/1`
  })
})

test('an account that is to be removed is shut out and gone there, and its secrets here', async () => {
  const { site, stage, owner, id } = await open()
  const browser = site.enter(await wayIn(stage, await openDesk(stage, id, owner.accountId)))
  await browser.shown()
  await wantAccountRemoved(stage.db, owner.accountId)
  await browser.ended()
  await eventually('nothing is kept for it', async () => {
    const kept = await stage.db.selectFrom('outside_account').select('account_id').execute()
    return kept.length === 0
  })
  expect(site.users(stage.deploymentId)).toEqual([])
  await stop(stage.db, id)
  await until(stage.db, id, ['stopped'])
  expect(site.leftovers(stage.deploymentId)).toEqual([])
})

test('what is open at the gateway ends when Postgres does not answer for long, and what is opened again meanwhile', async () => {
  // Postgres: here ── away ───────────────────── back
  // tunnels:  open ── ✗ ── opened by hand ── ✗ ─ open
  let ended = 0
  const blindLimits = { everyMs: 50, blindMs: 300 }
  const { stage, site, owner, id } = await open(
    {},
    { blindLimits, countUnverified: (tunnels) => void (ended += tunnels) },
  )
  const { db } = stage
  const desk = await wayIn(stage, await openDesk(stage, id, owner.accountId))
  const browser = site.enter(desk)
  await browser.shown()
  const tables = ['installation', 'outside_use']
  for (const table of tables)
    await sql`alter table ${sql.table(table)} rename to ${sql.ref(`${table}_away`)}`.execute(db)
  await browser.ended()
  await site.enter(desk).ended()
  for (const table of tables)
    await sql`alter table ${sql.table(`${table}_away`)} rename to ${sql.ref(table)}`.execute(db)
  await eventually(
    'it may be open again',
    async () =>
      await site
        .enter(desk)
        .shown()
        .then(
          () => true,
          () => false,
        ),
  )
  expect(ended).toBeGreaterThanOrEqual(2)
  await stop(db, id)
})
