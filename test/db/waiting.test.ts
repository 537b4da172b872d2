import { MockActivityEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createComputeActivities } from '../../activities/compute.ts'
import { admitSession } from '../../db/admission.ts'
import { beat, coreRole, providerRole } from '../../db/beats.ts'
import { applyConfiguration } from '../../db/bootstrap.ts'
import type { Configuration } from '../../db/bootstrap.ts'
import type { Db } from '../../db/connect.ts'
import { claimDeliveries } from '../../db/deliveries.ts'
import { dispatch } from '../../db/dispatch.ts'
import { lookAt } from '../../db/look.ts'
import { wakeForRetry } from '../../db/waiting.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { withTimings } from '../../domain/timings.ts'
import { locator } from '../../platform/target.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { holding } from '../setup/blocked.ts'
import { plainSecrets } from '../setup/plain-secrets.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'
import { plainTemplate } from '../setup/template.ts'

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows({ poolSize: 16 })
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())
// What the tests before had to tell is told.
beforeEach(async () => void (await claimDeliveries(db, 1_000)))

const timings = withTimings({ breakerMs: 5_000 })

/** Sessions that wait for the provider, the oldest first, each of which has looked. */
async function queue(providerId: ProviderId, n: number): Promise<SessionKey[]> {
  const keys: SessionKey[] = []
  for (let i = 0; i < n; i++) {
    const key = await rows.session(owner, { providerId })
    await rows.scene(key, { state: 'queued', queued_at: new Date(1_000 + i) })
    await lookAt(db, key.sessionId, timings)
    keys.push(key)
  }
  return keys
}
const ids = (keys: readonly SessionKey[]) => keys.map((key) => key.sessionId).toSorted()
const woken = async () => (await claimDeliveries(db, 1_000)).map((delivery) => delivery.sessionId).toSorted()

describe('who waits when the breaker opens', () => {
  test('knows when to ask, though the session that met the outage may end before', async () => {
    // start limit 1
    // A:  provisioning ──────── create: unavailable ── queued ── stopped
    // B:        queued, looks: no place              ⇡ woken, looks: at retry_at
    const narrow = await rows.provider('narrow', 1)
    const [met, next, ...others] = await queue(narrow, 5)
    if (met === undefined || next === undefined) throw new Error('five wait')
    await rows.scene(met, { state: 'provisioning', dispatched_at: new Date() })
    expect((await lookAt(db, next.sessionId, timings))?.retryInMs).toBeNull()
    const { createInstance } = createComputeActivities({
      db,
      providerId: narrow,
      provider: {
        ...createFakeProvider(),
        create: async () => ({ kind: 'unavailable', retryAfterMs: null, detail: 'nobody answers' }),
      },
      secrets: plainSecrets,
      locate: locator([]),
      timings,
      stopping: new AbortController().signal,
    })
    const created = await new MockActivityEnvironment().run(createInstance, met)
    expect([created, await rows.stateOf(met)]).toEqual([{ kind: 'unavailable' }, 'queued'])
    expect(await woken()).toEqual(ids([met, next, ...others.slice(0, 1)]))
    const retryInMs = (await lookAt(db, next.sessionId, timings))?.retryInMs
    expect(retryInMs).toBeGreaterThan(0)
    expect(retryInMs).toBeLessThanOrEqual(5_000)
  })

  test('is woken under the lock of dispatch: neither waits for the other', async () => {
    const provider = await rows.provider('locked', 1)
    const keys = await queue(provider, 3)
    // dispatch: lock provider ──────────────── commit
    // wake:              lock provider (waits) ······· all
    await holding(
      db,
      async (trx) =>
        await trx.selectFrom('quota').select('payer_id').where('payer_id', '=', provider).forNoKeyUpdate().execute(),
      async () => await wakeForRetry(db, provider),
    )
    expect(await woken()).toEqual(ids(keys))
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) =>
        i % 2 === 0 ? await wakeForRetry(db, provider) : await dispatch(db, provider, 1_000),
      ),
    )
    expect(await woken()).toEqual(ids(keys))
  })
})

describe('who asks for a provider that no worker has ever served', () => {
  test('waits with a reason, and begins when one serves it for the first time', async () => {
    // worker:  core ────────────────────────────── provider/nobodys: first beat
    // session:      admitted ── waits: unavailable ····························· woken, begins
    const provider = await rows.provider('nobodys', 3)
    await beat(db, coreRole)
    const key = await rows.session(owner, { providerId: provider })
    expect(await admitSession(db, key)).toEqual({ kind: 'admitted' })
    const row = async () =>
      await db.selectFrom('session').selectAll().where('id', '=', key.sessionId).executeTakeFirstOrThrow()
    expect(await row()).toMatchObject({ state: 'queued', waiting_for: 'provider_unavailable' })
    expect(await dispatch(db, provider, 1_000)).toEqual([])
    expect((await lookAt(db, key.sessionId, timings))?.retryInMs).toBeNull()

    expect(await beat(db, providerRole(provider))).toBe('first')
    await wakeForRetry(db, provider)
    expect(await woken()).toContain(key.sessionId)
    expect((await lookAt(db, key.sessionId, timings))?.retryInMs).toBe(0)
    expect(await dispatch(db, provider, 1_000)).toEqual([key.sessionId])
    expect(await beat(db, providerRole(provider))).toBe('again')
    await db.deleteFrom('beat').execute()
  })
})

describe('who waits for a provider of the configuration', () => {
  const provider = (id: string, startLimit = 2) => ({ id, kind: 'fake', startLimit, networks: [], settings: {} })
  const configured = async (...providers: Configuration['providers']) =>
    await applyConfiguration(db, {
      providers: [provider('fake'), ...providers],
      templates: [{ name: 'plain', spec: plainTemplate }],
      quotaDefaults: {},
    })

  test('is woken when it serves again, as many as have places, and by nothing else', async () => {
    await configured(provider('east'), provider('west'))
    const east = await queue('east' as ProviderId, 3)
    await queue('west' as ProviderId, 1)
    await woken()
    await configured(provider('west'))
    expect(await woken()).toEqual([])
    await configured(provider('west'), provider('east'))
    expect(await woken()).toEqual(ids(east.slice(0, 2)))
    await configured(provider('west'), provider('east'))
    expect(await woken()).toEqual([])
  })

  test('is woken when it may begin more at once, not fewer', async () => {
    await configured(provider('north', 2))
    const north = await queue('north' as ProviderId, 3)
    await configured(provider('north', 1))
    expect(await woken()).toEqual([])
    await configured(provider('north', 3))
    expect(await woken()).toEqual(ids(north))
  })
})
