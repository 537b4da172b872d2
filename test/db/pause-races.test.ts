import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { admitSession } from '../../db/admission.ts'
import { recordWords } from '../../db/backend-words.ts'
import { applyConfiguration } from '../../db/bootstrap.ts'
import type { Configuration } from '../../db/bootstrap.ts'
import type { Db } from '../../db/connect.ts'
import { dispatch } from '../../db/dispatch.ts'
import { toQueued, toReady } from '../../db/endings.ts'
import { beginInstance, recordObservations } from '../../db/instances.ts'
import { requestStop } from '../../db/intents.ts'
import { requestPause } from '../../db/pause-wishes.ts'
import { backToPaused, backToReady, recordSeenStill, toPaused, toPausing, toReadyAgain } from '../../db/pauses.ts'
import { reopenProvider, shutProvider } from '../../db/provider-shut.ts'
import { readmitSession } from '../../db/readmission.ts'
import { transferSession } from '../../db/transfers.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { inTurns } from '../proof/in-turns.ts'
import { allPausable } from '../setup/pausable.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'
import { pick, seeded, shuffled } from '../setup/seeded.ts'
import { plainTemplate } from '../setup/template.ts'

const random = seeded(20_261_123)
const providers = ['fake', 'east', 'west'] as ProviderId[]
let rows: Rows
let db: Db
let owners: Owner[]
let keys: SessionKey[]
beforeAll(async () => {
  // Who waits in a ring is told so by Postgres after a second. Who waits in a long line on a busy machine is not to be taken for it.
  rows = await createRows({ poolSize: 24, patienceMs: 50_000 })
  db = rows.db
  await configure(3)
  await allPausable(db)
  owners = await inTurns([1, 2, 3, 4], 1, async () => await rows.account())
  const projectId = await rows.project(pick(random, owners).accountId)
  const members = owners.map((owner) => ({
    project_id: projectId,
    account_id: owner.accountId,
    role: 'owner' as const,
  }))
  await db
    .insertInto('project_member')
    .values(members)
    .onConflict((c) => c.doNothing())
    .execute()
  keys = await inTurns(Array.from({ length: 40 }), 1, async () => {
    const providerId = pick(random, providers)
    const key = await rows.session({ ...pick(random, owners), projectId }, { providerId })
    await beginInstance(db, key, providerId, Buffer.from('sealed'))
    return key
  })
})
afterAll(async () => await rows.close())

async function configure(howMany: number): Promise<void> {
  const each = { kind: 'fake', startLimit: 3, networks: [], settings: {} }
  const configuration: Configuration = {
    providers: providers.slice(0, howMany).map((id) => ({ id, ...each })),
    templates: [{ name: 'plain', spec: plainTemplate }],
    quotaDefaults: {},
  }
  await applyConfiguration(db, configuration)
}

/** What the session's workflow would do next, as it stands, or its owner. */
async function goOn(key: SessionKey): Promise<unknown> {
  const {
    state,
    provider_id,
    pause_wish_number: number,
    open,
  } = await db
    .selectFrom('session')
    .select(['state', 'provider_id', 'pause_wish_number'])
    .select(sql<boolean>`pause_wish_number > pause_settled_number`.as('open'))
    .where('id', '=', key.sessionId)
    .executeTakeFirstOrThrow()
  const wish = { ...key, number }
  const ask = async (what: 'pause' | 'resume') =>
    await db.transaction().execute(async (trx) => await requestPause(trx, key.sessionId, what))
  const seldom = random() < 0.2
  switch (state) {
    case 'requested':
      return await admitSession(db, key)
    case 'queued':
      return await dispatch(db, provider_id, 1_000)
    case 'provisioning':
      return seldom ? await toQueued(db, key, 'provider_unavailable') : await toReady(db, key)
    case 'ready':
      return open ? await toPausing(db, wish) : await ask('pause')
    case 'pausing':
      await recordSeenStill(db, wish, ['pausing'], 'paused')
      return seldom ? await backToReady(db, wish) : await toPaused(db, wish)
    case 'paused':
      return open ? await readmitSession(db, wish) : await ask('resume')
    case 'resuming':
      if (seldom) return await toQueued(db, key, 'provider_unavailable')
      return random() < 0.2 ? await backToPaused(db, wish, 'start_failed') : await toReadyAgain(db, wish)
    case 'stopping':
    case 'stopped':
    case 'failed':
    case 'rejected':
      throw new Error(`Nobody ends a session here, and one is ${state}.`)
    default:
      return state satisfies never
  }
}

const some = () => shuffled(random, keys).slice(0, 10)
const heldBack = new Error('thought better of it')
const beside: readonly (() => Promise<unknown>)[] = [
  async () => await configure(pick(random, [2, 3])),
  async () =>
    await db.transaction().execute(async (trx) => await shutProvider(trx, pick(random, providers), 'draining')),
  async () =>
    await db.transaction().execute(async (trx) => await reopenProvider(trx, pick(random, providers), 'draining')),
  async () =>
    await recordObservations(
      db,
      some().map((key) => ({ ...key, seen: pick(random, ['running', 'paused']), suspicious: true })),
    ),
  async () =>
    await recordWords(
      db,
      some().map((key) => ({ ...key, pendingReason: `${random()}`, expectedAt: null, endsAt: null })),
    ),
  async () => {
    const heir = pick(random, owners).accountId
    await db.transaction().execute(async (trx) => await transferSession(trx, pick(random, keys).sessionId, heir))
  },
  // Whoever ends many at once, and then does not.
  async () =>
    await db
      .transaction()
      .execute(async (trx) => {
        for (const { sessionId } of keys.toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1)))
          await requestStop(trx, sessionId, 'project_closed')
        throw heldBack
      })
      .catch((error: unknown) => {
        if (error !== heldBack) throw error
      }),
]

test('many that rest and go on, with much else beside: nobody deadlocks, and each holds what it stands for', async () => {
  await inTurns(Array.from({ length: 1_500 }), 16, async () =>
    random() < 0.15 ? await pick(random, beside)() : await goOn(pick(random, keys)),
  )
  const { rows: wrong } = await sql`
    select s.id, s.state from session s left join reservation r
      on r.session_id = s.id and r.generation = s.generation and r.released_at is null and r.account_id = s.owner_id
        and r.sessions = s.sessions and r.cpu_milli = case when s.state = 'paused' then 0 else s.cpu_milli end
    where (s.state = 'requested') <> (r.session_id is null)`.execute(db)
  expect(wrong).toEqual([])
  const { rows: over } = await sql`
    select provider_id from session where state in ('provisioning', 'resuming') group by 1 having count(*) > 3`.execute(
    db,
  )
  expect(over).toEqual([])
  const { rows: torn } = await sql`
    select session_id from (select *, lag(used_to) over (partition by session_id order by generation, part) as before from session_usage) u
    where used_to < used_from or before <> used_from`.execute(db)
  expect(torn).toEqual([])
  // It was tried.
  const { rows: far } = await sql<{ n: number }>`select max(pause_settled_number) as n from session`.execute(db)
  expect(far[0]?.n).toBeGreaterThan(5)
})
