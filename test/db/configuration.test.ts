import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { lockPayers } from '../../db/admission.ts'
import { applyConfiguration } from '../../db/bootstrap.ts'
import type { Configuration } from '../../db/bootstrap.ts'
import type { Db } from '../../db/connect.ts'
import { listProviders } from '../../db/providers.ts'
import { findTemplateByName } from '../../db/templates.ts'
import { holding } from '../setup/blocked.ts'
import { createRows } from '../setup/rows.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { plainTemplate } from '../setup/template.ts'
import type { Rows } from '../setup/rows.ts'

let rows: Rows
let db: Db
beforeAll(async () => {
  rows = await createRows()
  db = rows.db
})
afterAll(async () => await rows.close())

const provider = (id: string, over: Partial<Configuration['providers'][number]> = {}) => ({
  id,
  kind: 'fake',
  startLimit: 5,
  networks: ['10.0.0.0/8'],
  settings: { a: 1, b: { c: 2 } },
  ...over,
})
const configuration: Configuration = {
  providers: [provider('fake'), provider('second')],
  templates: [
    { name: 'plain', spec: plainTemplate },
    { name: 'other', spec: { ...plainTemplate, title: 'Other' } },
  ],
  quotaDefaults: { account: { sessions: 5 }, provider: { gpus: 8 } },
  storageSources: [{ kind: 'dataset', id: 'd1', providerId: 'fake', hostPath: '/srv/d1', modes: ['ro'] }],
}

/** Everything that configuration writes. */
const everything = async () => ({
  providers: await db.selectFrom('provider').selectAll().orderBy('id').execute(),
  health: await db.selectFrom('provider_health').selectAll().orderBy('provider_id').execute(),
  quotas: await db.selectFrom('quota').selectAll().orderBy('payer_kind').orderBy('payer_id').execute(),
  defaults: await db.selectFrom('quota_default').selectAll().orderBy('payer_kind').execute(),
  templates: await db.selectFrom('template').selectAll().orderBy('name').execute(),
  versions: await db.selectFrom('template_version').selectAll().orderBy('template_id').orderBy('version').execute(),
  sources: await db.selectFrom('storage_source').selectAll().orderBy('id').execute(),
})
const template = async (name: string) => {
  const found = await findTemplateByName(db, name)
  if (found === null) throw new Error(`There is no template ${name}.`)
  return found
}
const providerNamed = async (id: string) => (await listProviders(db)).find((p) => p.id === id)

beforeEach(async () => await applyConfiguration(db, configuration))

describe('applying a configuration', () => {
  test('makes providers with their health and quota, defaults, templates and storage sources', async () => {
    const all = await everything()
    expect(all.providers.map((p) => [p.id, p.origin, p.disabled_at])).toEqual([
      ['fake', 'configuration', null],
      ['second', 'configuration', null],
    ])
    expect(all.health.map((h) => [h.provider_id, h.state])).toEqual([
      ['fake', 'closed'],
      ['second', 'closed'],
    ])
    expect(all.quotas.filter((q) => q.payer_kind === 'provider').map((q) => q.payer_id)).toEqual(['fake', 'second'])
    expect(all.defaults).toMatchObject([
      { payer_kind: 'account', sessions: 5, gpus: null },
      { payer_kind: 'project', sessions: null },
      { payer_kind: 'provider', sessions: null, gpus: 8 },
    ])
    expect((await template('other')).spec.title).toBe('Other')
    expect(all.sources).toMatchObject([{ kind: 'dataset', id: 'd1', host_path: '/srv/d1', modes: ['ro'] }])
  })

  test('again changes nothing, not even a version, however often and however many at once', async () => {
    const first = await everything()
    await Promise.all(Array.from({ length: 5 }, async () => await applyConfiguration(db, configuration)))
    expect(await everything()).toEqual(first)
  })

  test('with keys in another order is the same configuration', async () => {
    const first = await everything()
    const turned = { ...plainTemplate, ...Object.fromEntries(Object.entries(plainTemplate).toReversed()) }
    await applyConfiguration(db, {
      ...configuration,
      providers: [provider('fake', { settings: { b: { c: 2 }, a: 1 } }), provider('second')],
      templates: [{ name: 'plain', spec: turned }, ...configuration.templates.slice(1)],
    })
    expect(await everything()).toEqual(first)
  })
})

describe('a changed one', () => {
  test('provider: its version rises, so that the workers open it anew', async () => {
    const [before, other] = [await providerNamed('second'), await providerNamed('fake')]
    await applyConfiguration(db, {
      ...configuration,
      providers: [provider('fake'), provider('second', { startLimit: 9 })],
    })
    expect(await providerNamed('second')).toMatchObject({ startLimit: 9, version: (before?.version ?? 0) + 1 })
    expect(await providerNamed('fake')).toEqual(other)
  })

  test('template: a new version is made and the old one stays for the sessions that run', async () => {
    const before = await template('plain')
    const changed = { ...configuration, templates: [{ name: 'plain', spec: { ...plainTemplate, image: 'plain:2' } }] }
    await applyConfiguration(db, changed)
    const after = await template('plain')
    expect(after).toMatchObject({ id: before.id, version: before.version + 1, spec: { image: 'plain:2' } })
    const versions = await db
      .selectFrom('template_version')
      .select('spec')
      .where('template_id', '=', before.id)
      .orderBy('version')
      .execute()
    expect(versions.at(-2)?.spec.image).toBe('plain:1')
  })
})

describe('what is no longer named', () => {
  test('a provider is disabled, not deleted, and comes back with its name', async () => {
    await applyConfiguration(db, { ...configuration, providers: [provider('fake')] })
    const gone = await providerNamed('second')
    expect(gone?.disabled).toBe(true)
    await applyConfiguration(db, { ...configuration, providers: [provider('fake')] })
    expect(await providerNamed('second')).toEqual(gone)
    await applyConfiguration(db, configuration)
    expect(await providerNamed('second')).toMatchObject({ disabled: false, version: (gone?.version ?? 0) + 1 })
  })

  test('a provider is disabled under the lock that sessions begin by, and those that wait there are told', async () => {
    const second = 'second' as ProviderId
    const fewer = { ...configuration, providers: [provider('fake')] }
    const key = await rows.session(await rows.account(), { providerId: second })
    await rows.scene(key, { state: 'queued' })
    // somebody begins:  lock second ──────────────── commit
    // configuration:                lock all (waits) ······· second is disabled
    await holding(
      db,
      async (trx) => await lockPayers(trx, [{ kind: 'provider', id: second }]),
      async () => await applyConfiguration(db, fewer),
    )
    expect((await providerNamed('second'))?.disabled).toBe(true)
    const row = db.selectFrom('session').select('waiting_for').where('id', '=', key.sessionId)
    expect(await row.executeTakeFirst()).toEqual({ waiting_for: 'provider_unavailable' })
    await rows.scene(key, { state: 'stopping' })
  })

  test('a template is deactivated, and active again when it is named: each is a change that If-Match sees', async () => {
    const active = await template('other')
    await applyConfiguration(db, { ...configuration, templates: configuration.templates.slice(0, 1) })
    const inactive = await template('other')
    expect(inactive.deactivatedAt).not.toBeNull()
    expect(inactive.revision).toBe(active.revision + 1)
    await applyConfiguration(db, configuration)
    expect(await template('other')).toEqual({ ...active, revision: active.revision + 2 })
  })

  test('what the api made under a name that configuration takes is configuration’s from then on', async () => {
    await db
      .updateTable('provider')
      .set({ origin: 'api' })
      .where('id', '=', 'second' as ProviderId)
      .execute()
    await db.updateTable('template').set({ origin: 'api' }).where('name', '=', 'other').execute()
    await applyConfiguration(db, configuration)
    const all = await everything()
    expect(all.providers.map((p) => p.origin)).toEqual(['configuration', 'configuration'])
    expect(all.templates.map((t) => t.origin)).toEqual(['configuration', 'configuration'])
    await applyConfiguration(db, { ...configuration, providers: [provider('fake')], templates: [] })
    expect(await providerNamed('second')).toMatchObject({ disabled: true })
    expect((await everything()).templates.every((t) => t.deactivated_at !== null)).toBe(true)
  })

  test('a default is no limit again, and a storage source is gone', async () => {
    const { providers, templates } = configuration
    await applyConfiguration(db, { providers, templates, quotaDefaults: {} })
    const { defaults, sources } = await everything()
    for (const row of defaults) expect([row.sessions, row.gpus]).toEqual([null, null])
    expect(sources).toEqual([])
  })

  test('what was made by the api stays as it is', async () => {
    const api = await rows.provider('byhand')
    await applyConfiguration(db, configuration)
    expect(await providerNamed(api)).toMatchObject({ origin: 'api', disabled: false })
  })
})

test('a configuration that names what is not there is refused whole', async () => {
  const before = await everything()
  const broken: Configuration = {
    ...configuration,
    providers: [provider('fake', { startLimit: 1 })],
    storageSources: [{ kind: 'dataset', id: 'd1', providerId: 'nowhere', hostPath: '/srv/d1', modes: ['ro'] }],
  }
  await expect(applyConfiguration(db, broken)).rejects.toThrow('storage_source')
  expect(await everything()).toEqual(before)
})
