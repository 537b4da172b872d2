import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { disableAccount } from '../../db/account-standing.ts'
import { admitSession } from '../../db/admission.ts'
import { applyActions } from '../../db/catalogue-apply.ts'
import type { Db } from '../../db/connect.ts'
import { dispatch } from '../../db/dispatch.ts'
import { endSession, toReady, toStopping } from '../../db/endings.ts'
import { beginInstance, readInstance, recordMade, recordObservations, recordSeen } from '../../db/instances.ts'
import { requestStop } from '../../db/intents.ts'
import { releaseReservation } from '../../db/reservations.ts'
import { transferSession } from '../../db/transfers.ts'
import { defaultAccessRule } from '../../domain/experiment.ts'
import { newId } from '../../domain/ids.ts'
import type { AccountId, ProviderId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { untilBlocked } from '../setup/blocked.ts'
import { createRows } from '../setup/rows.ts'
import type { Rows } from '../setup/rows.ts'
import { pick, seeded, shuffled } from '../setup/seeded.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  // Who waits in a ring is told so by Postgres after a second. Who waits in a long line on a busy machine is not to be taken for it.
  rows = await createRows({ poolSize: 24, startLimit: 3, patienceMs: 50_000 })
  db = rows.db
})
afterAll(async () => await rows.close())

const fake = 'fake' as ProviderId

/** Two waiting sessions of one account; the one with the later id waits longer, so fair order is not the order of ids. */
async function crossed(provider: ProviderId): Promise<{ older: SessionKey; newer: SessionKey; accountId: AccountId }> {
  const owner = await rows.account()
  const low = await rows.session(owner, { providerId: provider })
  const high = await rows.session(owner, { providerId: provider })
  const [first, second] = low.sessionId < high.sessionId ? [low, high] : [high, low]
  await rows.scene(first, { state: 'queued', queued_at: new Date(2_000) })
  await rows.scene(second, { state: 'queued', queued_at: new Date(1_000) })
  return { older: second, newer: first, accountId: owner.accountId }
}

/** Asks both to stop in one transaction, in the order of ids as everybody who locks many does, with `beside` between. */
async function stopBoth({ newer, older }: { newer: SessionKey; older: SessionKey }, beside: () => Promise<unknown>) {
  return await db.transaction().execute(async (trx) => {
    await requestStop(trx, newer.sessionId, 'account_disabled')
    const other = beside()
    other.catch(() => {})
    await untilBlocked(db)
    await requestStop(trx, older.sessionId, 'account_disabled')
    return { other }
  })
}

describe('who locks many sessions locks them by id', () => {
  test('dispatch, beside an account that is being disabled', async () => {
    // ids: n < o; fair order: o before n
    // stop both:  lock n ───────────────────── lock o ── commit
    // dispatch:           lock n (waits) ················ both
    const provider = await rows.provider('crossed')
    const pair = await crossed(provider)
    const { other } = await stopBoth(pair, async () => await dispatch(db, provider, 1_000))
    await expect(other).resolves.toHaveLength(2)
  })

  test('dispatch that lets one begin, and says why the other waits', async () => {
    const provider = await rows.provider('narrow', 1)
    const pair = await crossed(provider)
    const { other } = await stopBoth(pair, async () => await dispatch(db, provider, 1_000))
    await expect(other).resolves.toEqual([pair.older.sessionId])
  })

  test('dispatch that only says why they wait', async () => {
    const provider = await rows.provider('closed')
    await db.updateTable('provider').set({ draining_at: new Date() }).where('id', '=', provider).execute()
    const pair = await crossed(provider)
    const { other } = await stopBoth(pair, async () => await dispatch(db, provider, 1_000))
    await expect(other).resolves.toEqual([])
  })

  test('an observer that wakes both', async () => {
    const provider = await rows.provider('observed')
    const pair = await crossed(provider)
    for (const key of [pair.older, pair.newer]) {
      await beginInstance(db, key, provider, Buffer.from('secret'))
      await rows.scene(key, { state: 'ready' })
    }
    const gone = [pair.older, pair.newer].map((key) => ({ ...key, seen: 'absent' as const, suspicious: true }))
    const { other } = await stopBoth(pair, async () => await recordObservations(db, gone))
    await expect(other).resolves.toBeUndefined()
  })
})

test('an observer locks a session before its instance, as who puts it to rest', async () => {
  // rests:     lock session ──────────────── lock instance ── commit
  // observer:               lock (waits) ···················· session, instance
  const provider = await rows.provider('resting')
  const key = await rows.session(await rows.account(), { providerId: provider })
  await beginInstance(db, key, provider, Buffer.from('secret'))
  await rows.scene(key, { state: 'paused' })
  const { other } = await db.transaction().execute(async (trx) => {
    await trx.selectFrom('session').select('id').where('id', '=', key.sessionId).forNoKeyUpdate().execute()
    const observed = recordObservations(db, [{ ...key, seen: 'running', suspicious: true }])
    observed.catch(() => {})
    await untilBlocked(db)
    await recordSeen(trx, key, 'paused')
    return { other: observed }
  })
  await expect(other).resolves.toBeUndefined()
  expect((await readInstance(db, key))?.seen).toBe('running')
})

test('a catalogue that puts several visits off locks their sessions by id, whatever it says first', async () => {
  // ids: n < o
  // stop both:  lock n ──────────────────────── lock o ── commit
  // catalogue:          hold n, o (waits) ············ o's visit, n's visit
  const pair = await crossed(await rows.provider('visited'))
  const { project_id: projectId } = await db
    .selectFrom('session')
    .select('project_id')
    .where('id', '=', pair.older.sessionId)
    .executeTakeFirstOrThrow()
  const from = { source: 'office', external_id: 'P' }
  await db.updateTable('project').set(from).where('id', '=', projectId).execute()
  const said = { name: 'Visit', description: '', instrument: null, posix: null, datasets: [], members: null }
  const visits = [pair.older, pair.newer].map(({ sessionId }) => ({ sessionId, externalId: sessionId, ...said }))
  for (const { sessionId, externalId } of visits) {
    const visit = { id: newId('experiment'), project_id: projectId, name: 'Visit', instrument: null }
    await db
      .insertInto('experiment')
      .values({ ...visit, ...from, external_id: externalId })
      .execute()
    await db.updateTable('session').set({ experiment_id: visit.id }).where('id', '=', sessionId).execute()
  }
  const later = { starts: '2900-01-01', ends: '2900-01-02' }
  const context = {
    source: from.source,
    projects: new Map(),
    experiments: new Map(visits.map((visit) => [visit.externalId, { ...visit, ...later }])),
    rule: defaultAccessRule,
  }
  const actions = visits.map(({ externalId }) => ({
    do: 'changeExperiment' as const,
    project: from.external_id,
    experiment: externalId,
  }))
  const sync = async () => await db.transaction().execute(async (trx) => await applyActions(trx, context, actions))
  const { other } = await stopBoth(pair, sync)
  await expect(other).resolves.toMatchObject({ done: 2 })
})

test('many accounts, projects and providers at once, with dispatch, stops, transfers and disabling beside: nobody deadlocks', async () => {
  const random = seeded(20_261_122)
  const owners = await Promise.all(Array.from({ length: 6 }, async () => await rows.account()))
  const projects = [
    ...owners.map((o) => o.projectId),
    ...(await Promise.all(owners.slice(0, 2).map(async (o) => await rows.project(o.accountId)))),
  ]
  const providers = [fake, ...(await Promise.all(['east', 'west'].map(async (id) => await rows.provider(id, 3))))]
  for (const owner of owners) await rows.limit({ kind: 'account', id: owner.accountId }, { sessions: 15 })
  const members = projects
    .slice(owners.length)
    .flatMap((project_id) => owners.map((o) => ({ project_id, account_id: o.accountId, role: 'editor' as const })))
  await db
    .insertInto('project_member')
    .values(members)
    .onConflict((c) => c.doNothing())
    .execute()
  const keys = await Promise.all(
    Array.from({ length: 60 }, async () =>
      rows.session(
        { accountId: pick(random, owners).accountId, projectId: pick(random, projects) },
        {
          providerId: pick(random, providers),
        },
      ),
    ),
  )
  const deeds = keys.flatMap((key) => [
    async () => await admitSession(db, key),
    async () => await dispatch(db, pick(random, providers), 1_000),
    async () => await toReady(db, key),
    async () => {
      const heir = pick(random, owners).accountId
      await db.transaction().execute(async (trx) => await transferSession(trx, key.sessionId, heir))
    },
    async () =>
      await recordMade(
        db,
        { ...key, ...(await beginInstance(db, key, fake, Buffer.from('x'))).key },
        { name: key.sessionId, deploymentId: 'd' },
      ),
    async () =>
      await recordObservations(
        db,
        shuffled(random, keys)
          .slice(0, 10)
          .map((k) => ({ ...k, seen: pick(random, ['exited', 'absent'] as const), suspicious: true })),
      ),
    async () => {
      if (random() > 0.4) return
      await toStopping(db, key, 'user')
      await releaseReservation(db, key)
      await endSession(db, key)
    },
  ])
  const disabling = owners.slice(0, 3).map((o, place) => async () => {
    const heir = owners[(place + 1) % owners.length]?.accountId ?? null
    await db.transaction().execute(async (trx) => await disableAccount(trx, o.accountId, heir))
  })
  await inLanes(16, shuffled(random, [...deeds, ...disabling]))

  const beginning = await db
    .selectFrom('session')
    .select((eb) => ['provider_id', eb.fn.countAll<string>().as('n')])
    .where('state', '=', 'provisioning')
    .groupBy('provider_id')
    .execute()
  for (const { n } of beginning) expect(Number(n)).toBeLessThanOrEqual(3)
  for (const { accountId } of owners) {
    const held = await db
      .selectFrom('reservation')
      .select((eb) => eb.fn.countAll<string>().as('n'))
      .where('account_id', '=', accountId)
      .where('released_at', 'is', null)
      .executeTakeFirstOrThrow()
    expect(Number(held.n)).toBeLessThanOrEqual(15)
  }
})

/** Runs the deeds, so many at once. The first that fails fails all. */
async function inLanes(lanes: number, deeds: (() => Promise<unknown>)[]): Promise<void> {
  const left = [...deeds]
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let deed = left.pop(); deed !== undefined; deed = left.pop()) await deed()
    }),
  )
}
