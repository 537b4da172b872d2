import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { instanceName } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { createSecrets, providerSecrets } from '../../platform/secrets.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { createOpening } from '../../worker/opening.ts'
import { plainTemplate } from '../setup/template.ts'
import { apiOn } from './api-on-stage.ts'
import { recordingKey } from './histories/paths.ts'
import { record } from './histories/recorder.ts'
import { createStage, eventually, stateOf, until } from './stage.ts'
import type { Stage } from './stage.ts'

const backend = createFakeBackend()
/** Sightings in states without a name, by provider: the metric. */
const unnamed = new Map<string, number>()
/** What drivers were made with, in order. */
const opened: { readonly id: string; readonly version: number; readonly secrets: unknown }[] = []

let stage: Stage
let api: ReturnType<typeof apiOn>
let admin: string
let close: () => Promise<void>

beforeAll(async () => {
  const configured = createFakeProvider({ backend: createFakeBackend(), endpoint: 'serve' })
  // So long nobody may come to a check.
  stage = await createStage({ provider: configured, timings: { inspectTimeoutMs: 8_000 }, key: recordingKey })
  api = apiOn(stage)
  admin = (await api.account('admin')).token
  const secrets = createSecrets(stage.keyring)
  const rules = { development: true, weakIsolationAllowedFor: [], backendNetworks: ['127.0.0.0/8'] }
  const open = createOpening(rules, secrets)
  const worker = await stage.startWorkers(['core', 'provider/fake', 'provider/cloud', 'provider/broken'], {
    countUnnamed: (id, sightings) => void unnamed.set(id, (unnamed.get(id) ?? 0) + sightings),
    openProvider(row, sealed) {
      // As in a worker's process; only what is behind the driver outlives it, as what is behind real ones does.
      void open(row, sealed).close()
      if (row.origin === 'configuration') return configured
      const text = sealed === null ? '{}' : secrets.decrypt(providerSecrets(row.id), sealed).toString()
      const unsealed = JSON.parse(text) as { password?: string }
      opened.push({ id: row.id, version: row.version, secrets: unsealed })
      return createFakeProvider({ backend, endpoint: 'serve', password: unsealed.password })
    },
  })
  close = async () => await worker.stop()
}, 120_000)

afterAll(async () => {
  await close()
  api.close()
  await stage.close()
}, 120_000)

const why = { reason: 'A test.' }
const make = (id: string, more: object = {}) =>
  api.call('POST', '/v1/providers', {
    token: admin,
    body: { id, kind: 'fake', networks: ['127.0.0.0/8'], secrets: { password: 'open sesame' }, ...why, ...more },
  })
const patch = (id: string, body: object) =>
  api.call('PATCH', `/v1/providers/${id}`, {
    token: admin,
    body: { ...why, ...body },
    headers: { 'if-match': '*' },
  })
const provider = async (id: string) => (await api.call('GET', `/v1/providers/${id}`, { token: admin })).body
const check = async (id: string) => {
  const ask = { token: admin, body: why, headers: { prefer: 'wait=60' } }
  const { status, body, headers } = await api.call('POST', `/v1/providers/${id}/check`, ask)
  expect([status, headers.get('preference-applied')]).toEqual([201, 'wait=60'])
  return body
}
const template = async (name: string, change: object = {}) => {
  const spec = { ...plainTemplate, provider: { class: 'desks' }, ...change }
  const made = await api.call('POST', '/v1/templates', { token: admin, body: { name, spec } })
  expect(made.status).toBe(201)
  return made.body.id
}
const start = async (templateId: string, size?: string) => {
  const { token } = await api.account('member')
  const body = { templateId, ...(size === undefined ? {} : { size }) }
  return await api.call('POST', '/v1/sessions', { token, body, headers: { prefer: 'respond-async' } })
}

describe('a provider that was made through the API', () => {
  let running: SessionId

  test('is opened with its secrets, says what it can, and starts a session of a template that names its class', async () => {
    expect((await make('cloud', { classes: ['desks'] })).status).toBe(201)
    await eventually('its driver said what it can', async () => (await provider('cloud'))['capabilities'] !== null)
    expect(opened).toEqual([{ id: 'cloud', version: 1, secrets: { password: 'open sesame' } }])
    const wanted = await start(await template('desk'))
    expect(wanted.body).toMatchObject({ state: 'requested', providerId: 'cloud' })
    running = wanted.body.id
    await until(stage.db, running, ['ready'])
  })

  test('is never placed what its driver cannot do: the refusal says what, and where', async () => {
    const sizes = { ...plainTemplate.sizes, fast: { cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 1 } }
    const templateId = await template('fast-desk', { sizes })
    expect((await start(templateId, 'fast')).body).toMatchObject({
      status: 422,
      code: 'provider_unfit',
      errors: [{ in: 'body', pointer: '/size' }],
    })
    expect((await start(await template('strict', { requires: { isolation: 'enforced' } }))).body).toMatchObject({
      code: 'provider_unfit',
      errors: [{ pointer: '/templateId' }],
    })
  })

  test('is opened anew when it was changed, and what runs there runs on', async () => {
    expect((await patch('cloud', { startLimit: 9, secrets: { password: 'another' } })).status).toBe(200)
    await eventually('it was opened again', () => opened.length === 2)
    expect(opened.at(-1)).toEqual({ id: 'cloud', version: 2, secrets: { password: 'another' } })
    const next = await start(await template('second-desk'))
    await until(stage.db, next.body.id, ['ready'])
    const rows = await stage.db.selectFrom('session').select('state').where('id', '=', running).execute()
    expect(rows).toEqual([{ state: 'ready' }])
  })

  test('in a state that its driver does not name: it is counted, and changes nothing', async () => {
    expect(unnamed.get('cloud')).toBe(0)
    backend.setState(instanceName(running, 1), { kind: 'unknown', why: 'no such state', unnamed: 'TELEPORTING' })
    await eventually('it was seen twice', () => (unnamed.get('cloud') ?? 0) > 1)
    expect((await stateOf(stage.db, running)).state).toBe('ready')
    expect(unnamed.get('fake')).toBe(0)
  })

  test('starts nothing out of service, and looks after what runs until that has ended', async () => {
    const act = (deed: string) =>
      api.call('POST', `/v1/providers/cloud/${deed}`, { token: admin, body: why, key: null })
    expect((await act('disable')).status).toBe(200)
    expect((await start(await template('third-desk'))).body.code).toBe('provider_unknown')
    expect((await api.call('POST', '/v1/providers/cloud/check', { token: admin, body: why })).status).toBe(409)
    const stopped = await api.call('POST', `/v1/sessions/${running}/stop`, { token: admin, key: null })
    expect(stopped.status).toBeLessThan(300)
    await until(stage.db, running, ['stopped'])
    expect((await act('enable')).status).toBe(200)
    const again = await start(await template('fourth-desk'))
    await until(stage.db, again.body.id, ['ready'])
  })
})

describe('a check', () => {
  test('finds nothing missing where nothing is, and is kept', async () => {
    const found = await check('cloud')
    expect(found).toMatchObject({ provider: 'cloud', outcome: 'passed', findings: [] })
    const read = await api.call('GET', `/v1/providers/cloud/checks/${found.id}`, { token: admin })
    expect(read.body).toEqual(found)
    const all = await api.call('GET', '/v1/providers/cloud/checks', { token: admin })
    expect(all.body.items).toEqual([found])
    expect((await api.call('GET', `/v1/providers/fake/checks/${found.id}`, { token: admin })).status).toBe(404)
    await stage.client.workflow.result(`check/cloud/${found.id}`)
    await record(stage.client, 'check', `check/cloud/${found.id}`)
  })

  test('names the images of templates that are not there, in codes', async () => {
    await template('missing-desk', { image: 'missing-desk:1' })
    expect(await check('cloud')).toMatchObject({
      outcome: 'failed',
      findings: [{ code: 'image_missing', level: 'missing', about: 'missing-desk:1' }],
    })
  })

  test('tells credentials that are refused from a backend that is away', async () => {
    await patch('cloud', { secrets: { password: 'refused' } })
    await eventually('it was opened with them', () => opened.at(-1)?.version === 5)
    expect((await check('cloud'))['findings']).toMatchObject([{ code: 'credentials_refused' }])
    backend.goDown()
    try {
      expect((await check('cloud'))['findings']).toMatchObject([{ code: 'unreachable' }])
    } finally {
      backend.goUp()
    }
  })

  test('ends where nobody serves the provider, and says why where that is known', async () => {
    expect((await make('elsewhere')).status).toBe(201)
    expect((await make('broken')).status).toBe(201)
    const elsewhere = check('elsewhere')
    await stage.db
      .updateTable('provider')
      .set({ settings: JSON.stringify({ exec: 'rm' }), version: 2 })
      .where('id', '=', 'broken' as ProviderId)
      .execute()
    await eventually('a worker said so', async () => (await provider('broken'))['openFault'] === 'settings_invalid')
    expect((await check('broken'))['findings']).toMatchObject([{ code: 'settings_invalid' }, { code: 'unserved' }])
    const unserved = await elsewhere
    expect(unserved).toMatchObject({ outcome: 'failed', findings: [{ code: 'unserved' }] })
    await stage.client.workflow.result(`check/elsewhere/${unserved.id}`)
    await record(stage.client, 'check-unserved', `check/elsewhere/${unserved.id}`)
  })
})
