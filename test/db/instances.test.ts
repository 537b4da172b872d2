import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { applyConfiguration } from '../../db/bootstrap.ts'
import type { Db } from '../../db/connect.ts'
import { claimDeliveries } from '../../db/deliveries.ts'
import {
  beginInstance,
  expectedInstances,
  readInstance,
  recordMade,
  recordObservations,
  recordRemoved,
  recordRunning,
  recordSeen,
  tombstone,
} from '../../db/instances.ts'
import { readInstallation } from '../../db/installation.ts'
import { readLaunch } from '../../db/launch.ts'
import { lookAt } from '../../db/look.ts'
import { defaultTimings } from '../../domain/timings.ts'
import type { SessionKey } from '../../domain/session.ts'
import { createRows, one } from '../setup/rows.ts'
import { plainTemplate } from '../setup/template.ts'
import type { Owner, Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows()
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())

const fake = 'fake' as ProviderId
const begin = async (key: SessionKey, secret = 'first') => await beginInstance(db, key, fake, Buffer.from(secret))
const ref = (key: SessionKey) => ({ name: `carrel-${key.sessionId}-1`, deploymentId: 'd', ids: { container: 'c1' } })
const ready = async () => {
  const key = await rows.session(owner)
  await begin(key)
  await recordMade(db, key, ref(key))
  await rows.scene(key, { state: 'ready' })
  await lookAt(db, key.sessionId, defaultTimings)
  return key
}

describe('an instance row', () => {
  test('is written before anything is made; of many who begin at once all read the one secret', async () => {
    const key = await rows.session(owner)
    const begun = await Promise.all(Array.from({ length: 10 }, async (_, i) => await begin(key, `secret ${i}`)))
    const { deploymentId } = await readInstallation(db)
    expect(new Set(begun.map((row) => row.secret.toString())).size).toBe(1)
    expect(begun[0]).toMatchObject({
      name: `carrel-${key.sessionId}-1`,
      ref: { name: `carrel-${key.sessionId}-1`, deploymentId },
      made: false,
      tombstoned: false,
    })
    expect((await begin(key, 'another')).secret).toEqual(begun[0]?.secret)
  })

  test('keeps what the backend called it, and that its outcome is known; until then, as whom it is to run', async () => {
    const key = await rows.session(owner)
    const runsAs = { user: 'ada', uid: 1_001, gid: 1_001, gids: [] }
    const { ref: begun } = await beginInstance(db, key, fake, Buffer.from('first'), { runsAs })
    expect(begun).toMatchObject({ name: `carrel-${key.sessionId}-1`, owner: { name: 'ada', uid: 1_001 } })
    expect(await recordMade(db, key, ref(key))).toEqual({ tombstoned: false })
    expect(await readInstance(db, key)).toMatchObject({ ref: ref(key), made: true })
    await recordRunning(db, key, [{ port: 8888, host: '10.0.0.2', hostPort: 40_000 }])
    expect(await readInstance(db, key)).toMatchObject({ seen: 'running', endpoints: [{ hostPort: 40_000 }] })
  })

  test('tombstoned before any create: the create that comes later finds it, and holds no secret', async () => {
    const key = await rows.session(owner)
    await tombstone(db, key, fake)
    const begun = await begin(key)
    expect(begun).toMatchObject({ tombstoned: true, made: false })
    expect(begun.secret).toHaveLength(0)
  })

  test('tombstoned while a create is in flight: its answer says that what it made must go', async () => {
    const key = await rows.session(owner)
    await begin(key)
    await tombstone(db, key, fake)
    expect(await recordMade(db, key, ref(key))).toEqual({ tombstoned: true })
  })

  test('tombstone and create at once: either the create sees it first, or its answer does', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, async () => await rows.session(owner)))
    for (const key of keys) {
      const create = async () => {
        const begun = await begin(key)
        return begun.tombstoned ? begun : await recordMade(db, key, ref(key))
      }
      const [outcome] = await Promise.all([create(), tombstone(db, key, fake)])
      const row = await readInstance(db, key)
      expect(row?.tombstoned).toBe(true)
      // Not told, then the tombstone came after the answer: whoever wrote it removes what the row names.
      if (!outcome.tombstoned) expect(row?.made).toBe(true)
    }
  })

  test('removed: its secret is forgotten, and it is expected no longer', async () => {
    const key = await ready()
    expect((await expectedInstances(db, fake)).map((e) => e.sessionId)).toContain(key.sessionId)
    await tombstone(db, key, fake)
    await recordRemoved(db, key)
    expect((await readInstance(db, key))?.secret).toHaveLength(0)
    expect((await expectedInstances(db, fake)).map((e) => e.sessionId)).not.toContain(key.sessionId)
  })

  test('there is none where none was begun', async () => {
    expect(await readInstance(db, { sessionId: newId('session'), generation: 1 })).toBeNull()
  })
})

describe('observations', () => {
  const woken = async (key: SessionKey) =>
    (await claimDeliveries(db, 1_000)).some((delivery) => delivery.sessionId === key.sessionId)
  const saw = (key: SessionKey, seen: 'running' | 'exited' | 'absent', suspicious: boolean) =>
    recordObservations(db, [{ ...key, seen, suspicious }])

  test('what is as it should be is noted and wakes nobody', async () => {
    const key = await ready()
    await saw(key, 'running', false)
    expect((await readInstance(db, key))?.seen).toBe('running')
    expect(await woken(key)).toBe(false)
  })

  test('a suspicion wakes the workflow once, and again only when something new is seen', async () => {
    const key = await ready()
    await saw(key, 'exited', true)
    expect(await woken(key)).toBe(true)
    expect((await lookAt(db, key.sessionId, defaultTimings))?.suspect).toBe(true)
    await saw(key, 'exited', true)
    expect(await woken(key)).toBe(false)
    // The backend itself was asked, and it runs: the next such sighting is news.
    await recordSeen(db, key, 'running')
    await saw(key, 'exited', true)
    expect(await woken(key)).toBe(true)
  })

  test('of one list only those that are suspicious wake', async () => {
    const [good, bad] = [await ready(), await ready()]
    await recordObservations(db, [
      { ...good, seen: 'running', suspicious: false },
      { ...bad, seen: 'absent', suspicious: true },
    ])
    expect([await woken(bad), await woken(good)]).toEqual([true, false])
  })

  test('of a generation that has passed nothing is noted', async () => {
    const key = await ready()
    await saw({ ...key, generation: 7 }, 'absent', true)
    expect(await woken(key)).toBe(false)
  })

  test('an empty list changes nothing', async () => {
    await expect(recordObservations(db, [])).resolves.toBeUndefined()
  })
})

test('a launch is the template’s version, the owner’s parameters, and mounts that the server resolves or misses', async () => {
  const mount = (id: string, mode: 'ro' | 'rw') => ({
    source: { kind: 'dataset' as const, id },
    target: `/${id}`,
    mode,
  })
  const sources = [
    {
      kind: 'dataset' as const,
      id: 'mine',
      projectId: owner.projectId,
      providerId: 'fake',
      hostPath: '/srv/mine',
      modes: ['ro' as const],
    },
    {
      kind: 'dataset' as const,
      id: 'all',
      providerId: 'fake',
      hostPath: '/srv/all',
      modes: ['ro' as const, 'rw' as const],
    },
    {
      kind: 'dataset' as const,
      id: 'theirs',
      projectId: (await rows.account()).projectId,
      providerId: 'fake',
      hostPath: '/srv/theirs',
      modes: ['ro' as const],
    },
    {
      kind: 'dataset' as const,
      id: 'shelf',
      providerId: 'fake',
      volume: { kind: 'claim' as const, claim: 'archive', subPath: 'run7' },
      modes: ['ro' as const],
    },
  ]
  await applyConfiguration(db, {
    providers: [{ id: 'fake', kind: 'fake', startLimit: 5, networks: [], settings: {} }],
    templates: [{ name: 'plain', spec: { ...plainTemplate, image: 'plain:2' } }],
    quotaDefaults: {},
    storageSources: sources,
  })
  const key = await rows.session(owner, {
    parameters: { cores: 2 },
    mounts: [
      mount('mine', 'ro'),
      mount('mine', 'rw'),
      mount('all', 'rw'),
      mount('theirs', 'ro'),
      mount('gone', 'ro'),
      mount('shelf', 'ro'),
    ],
  })
  const launch = await readLaunch(db, key)
  expect(launch).toMatchObject({
    providerId: 'fake',
    projectId: owner.projectId,
    parameters: { cores: 2 },
    resources: one,
    posix: null,
  })
  // The session keeps the version that it was started from.
  expect(launch.template.image).toBe('plain:1')
  expect(launch.mounts).toEqual([
    { hostPath: '/srv/mine', target: '/mine', mode: 'ro' },
    { hostPath: '/srv/all', target: '/all', mode: 'rw' },
    { volume: { kind: 'claim', claim: 'archive', subPath: 'run7' }, target: '/shelf', mode: 'ro' },
  ])
  expect(launch.missing).toEqual(['dataset/mine', 'dataset/theirs', 'dataset/gone'])
})
