import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { beat, providerRole } from '../../db/beats.ts'
import { applyConfiguration } from '../../db/bootstrap.ts'
import type { Configuration } from '../../db/bootstrap.ts'
import type { Db } from '../../db/connect.ts'
import { readGrounds } from '../../db/grounds.ts'
import { recordObserved } from '../../db/provider-health.ts'
import { insertProvider } from '../../db/provider-registry.ts'
import { beginCheck, concludeCheck, getCheck } from '../../db/provider-checks.ts'
import { recordCapabilities, recordOpenFault, readOpenFault, templatesAt } from '../../db/provider-standing.ts'
import { countSealed } from '../../db/sealed-rows.ts'
import { insertTemplate } from '../../db/templates.ts'
import { forgetReconciliations } from '../../db/upkeep.ts'
import type { Capabilities } from '../../domain/capabilities.ts'
import { newId } from '../../domain/ids.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { nothing, unlimited } from '../../domain/resources.ts'
import { createKeyring } from '../../platform/keyring.ts'
import { createSecrets, providerSecrets, sealMark } from '../../platform/secrets.ts'
import { rotate } from '../../stack/key-rotation.ts'
import { createRows } from '../setup/rows.ts'
import type { Owner, Rows } from '../setup/rows.ts'
import { plainTemplate } from '../setup/template.ts'

const key = (id: string, byte: number) => ({ id, secret: new Uint8Array(32).fill(byte) })
const old = createSecrets(createKeyring([key('k1', 1)]))
const both = createSecrets(createKeyring([key('k2', 2), key('k1', 1)]))
const fresh = createSecrets(createKeyring([key('k2', 2)]))

let rows: Rows
let db: Db
let owner: Owner
beforeAll(async () => {
  rows = await createRows()
  db = rows.db
  owner = await rows.account()
})
afterAll(async () => await rows.close())

const cloud = 'cloud' as ProviderId
const providerOf = async (id: ProviderId) =>
  await db.selectFrom('provider').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
const make = async (id: ProviderId, more: object = {}) =>
  await db.transaction().execute(
    async (trx) =>
      await insertProvider(trx, {
        id,
        kind: 'fake',
        startLimit: 1,
        networks: [],
        classes: ['desks'],
        draining: false,
        settings: {},
        secrets: old.encrypt(providerSecrets(id), 'open sesame'),
        secretNames: ['password'],
        ...more,
      }),
  )
/** Of the template `plain`, which names a kind. */
const candidates = async () => {
  const { id: templateId } = await db.selectFrom('template').select('id').executeTakeFirstOrThrow()
  const ask = { accountId: owner.accountId, templateId, intent: null }
  const [grounds] = await readGrounds(db, [ask])
  return Object.fromEntries((grounds?.candidates ?? []).map(({ id, ...candidate }) => [id, candidate]))
}
const able: Capabilities = {
  pause: true,
  gpu: true,
  diskLimit: false,
  isolation: 'enforced',
  egress: ['none'],
  mounts: true,
  logs: true,
}

test('a provider without a rival is a candidate of which neither load nor quota is read', async () => {
  await db.updateTable('quota_default').set({ sessions: 5 }).where('payer_kind', '=', 'provider').execute()
  await rows.session(owner)
  expect(await candidates()).toEqual({
    fake: { kind: 'fake', classes: [], open: true, healthy: true, capabilities: null, load: 0, quota: null },
  })
})

test('of several each is read with what it can do, what holds there, and what is held', async () => {
  expect(await make(cloud)).toBe('made')
  expect(await make(cloud)).toBe('taken')
  await recordCapabilities(db, cloud, able)
  await db.updateTable('quota').set({ cpu_milli: 4_000 }).where('payer_id', '=', cloud).execute()
  await sql`insert into reservation (session_id, generation, account_id, project_id, provider_id,
      sessions, cpu_milli, memory_mib, disk_mib, gpus)
    select id, 1, owner_id, project_id, 'cloud', 1, 1500, 64, 0, 0 from session limit 1`.execute(db)
  const limits = { ...unlimited, sessions: 5 }
  expect(await candidates()).toEqual({
    fake: {
      kind: 'fake',
      classes: [],
      open: true,
      healthy: true,
      capabilities: null,
      load: 1,
      quota: { limits, held: nothing },
    },
    cloud: {
      kind: 'fake',
      classes: ['desks'],
      open: true,
      healthy: true,
      capabilities: able,
      load: 0,
      quota: {
        limits: { ...limits, cpuMilli: 4_000 },
        held: { ...nothing, sessions: 1, cpuMilli: 1_500, memoryMib: 64 },
      },
    },
  })
  await db.updateTable('quota_default').set({ sessions: null }).where('payer_kind', '=', 'provider').execute()
  expect((await candidates())['fake']?.quota).toBeNull()
})

test('one that was not listed, or that nobody serves any more, is no healthy one', async () => {
  const healthy = async () => Object.entries(await candidates()).flatMap(([id, one]) => (one.healthy ? [id] : []))
  expect(await healthy()).toEqual(['cloud', 'fake'])
  await recordObserved(db, cloud, { tookMs: 5, error: 'The provider does not answer.' })
  expect(await healthy()).toEqual(['fake'])
  await recordObserved(db, cloud, { tookMs: 5, error: null })
  await beat(db, providerRole(cloud))
  expect(await healthy()).toEqual(['cloud', 'fake'])
  await sql`update beat set at = now() - interval '31 seconds'`.execute(db)
  expect(await healthy()).toEqual(['fake'])
  await beat(db, providerRole(cloud))
  expect(await healthy()).toEqual(['cloud', 'fake'])
})

test('a fault stands until the driver is made', async () => {
  await recordOpenFault(db, cloud, 'settings_invalid')
  expect(await readOpenFault(db, cloud)).toBe('settings_invalid')
  await recordCapabilities(db, cloud, able)
  expect(await readOpenFault(db, cloud)).toBeNull()
})

test('a rotation takes the secrets of providers along', async () => {
  const deps = { db, secrets: both, currentKeyId: 'k2', say: () => {} }
  const report = await rotate(deps, { batch: 10, dryRun: false })
  expect([report.rotated, report.unreadable]).toEqual([1, []])
  const { secrets } = await providerOf(cloud)
  expect(fresh.decrypt(providerSecrets(cloud), secrets ?? Buffer.alloc(0)).toString()).toBe('open sesame')
  expect(await countSealed(db, 'provider.secrets')).toEqual([{ mark: sealMark('k2'), rows: 1 }])
})

test('a check ends once, with what was found first, and is forgotten after 30 days', async () => {
  const id = newId('check')
  const row = { id, provider_id: cloud, requested_by: owner.accountId }
  await db.insertInto('provider_check').values(row).execute()
  await concludeCheck(db, id, [
    { code: 'quota_exhausted', level: 'warning', about: 'co\nres' },
    { code: 'unreachable', level: 'missing' },
    { code: 'unreachable', level: 'missing' },
  ])
  await concludeCheck(db, id, [])
  expect(await getCheck(db, { id, providerId: cloud })).toMatchObject({
    outcome: 'failed',
    findings: [
      { code: 'unreachable', level: 'missing' },
      { code: 'quota_exhausted', level: 'warning', about: 'co res' },
    ],
  })
  expect(await forgetReconciliations(db)).toEqual({ done: 0, more: false })
  await sql`update provider_check set requested_at = now() - interval '31 days'`.execute(db)
  expect(await forgetReconciliations(db)).toEqual({ done: 1, more: false })
  expect(await getCheck(db, { id, providerId: cloud })).toBeNull()
})

test('a check looks for the templates that may be placed there, and not for what is an address', async () => {
  await make('links' as ProviderId, { kind: 'link', classes: ['places'] })
  await make('host' as ProviderId, { classes: ['places'] })
  const backend = { link: { url: 'https://desk.example/' } }
  for (const [name, more] of Object.entries({ desk: {}, place: { backend } })) {
    const spec = { ...plainTemplate, title: name, provider: { class: 'places' }, ...more }
    const template = { id: newId('template'), name, origin: 'api' as const, spec, createdBy: null }
    await db.transaction().execute(async (trx) => await insertTemplate(trx, template))
  }
  const titlesAt = async (id: string) => (await templatesAt(db, id as ProviderId, 10)).map(({ title }) => title)
  expect(await titlesAt('links')).toEqual(['place'])
  expect(await titlesAt('host')).toEqual([plainTemplate.title, 'desk'])
})

test('a check whose run was lost is ended after an hour, by whoever looks after such rows', async () => {
  const id = newId('check')
  await db.insertInto('provider_check').values({ id, provider_id: cloud, requested_by: owner.accountId }).execute()
  expect(await beginCheck(db, id)).toBe(true)
  expect(await forgetReconciliations(db)).toEqual({ done: 0, more: false })
  await sql`update provider_check set started_at = now() - interval '2 hours' where id = ${id}`.execute(db)
  expect(await forgetReconciliations(db)).toEqual({ done: 1, more: false })
  const ended = await getCheck(db, { id, providerId: cloud })
  expect(ended).toMatchObject({ outcome: 'failed', findings: [{ code: 'check_failed', level: 'missing' }] })
  expect(ended?.endedAt).not.toBeNull()
})

test('what configuration names is configuration’s from then on, without the secrets that it was given', async () => {
  const configuration: Configuration = {
    providers: [{ id: 'cloud', kind: 'fake', startLimit: 3, networks: [], classes: ['big'], settings: {} }],
    templates: [],
    quotaDefaults: {},
  }
  await applyConfiguration(db, configuration)
  const taken = await providerOf(cloud)
  expect(taken).toMatchObject({ origin: 'configuration', secrets: null, secret_names: [], classes: ['big'] })
  await applyConfiguration(db, configuration)
  expect((await providerOf(cloud)).version).toBe(taken.version)
  await applyConfiguration(db, { ...configuration, providers: [] })
  expect((await providerOf(cloud)).disabled_at).not.toBeNull()
})

test('what still holds something stays of its kind, whatever the configuration says', async () => {
  const as = async (kind: string) => {
    const fake = { id: 'fake', kind, startLimit: 5, networks: [], settings: {} }
    await applyConfiguration(db, { providers: [fake], templates: [], quotaDefaults: {} })
    return (await providerOf('fake' as ProviderId)).kind
  }
  await expect(as('docker')).rejects.toThrow('The provider fake is of the kind fake')
  expect(await as('fake')).toBe('fake')
  await sql`update session set state = 'stopped', reason = 'user', ended_at = now()`.execute(db)
  expect(await as('docker')).toBe('docker')
})
