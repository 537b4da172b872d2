import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProviderId } from '../../domain/ids.ts'
import { providerSecrets } from '../../platform/secrets.ts'
import { secrets, startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { docker, freshId } from '../setup/provider-requests.ts'

let api: TestApi
let admin: Person

beforeAll(async () => {
  api = await startApi()
  admin = await api.person({ roles: ['admin'] })
})
afterAll(() => api.close())

const create = (body: object, key: string = randomUUID()) =>
  api.call('POST', '/v1/providers', { token: admin.token, body, key })
const get = (id: string) => api.call('GET', `/v1/providers/${id}`, { token: admin.token })
const patch = (id: string, body: object, match = '*') =>
  api.call('PATCH', `/v1/providers/${id}`, {
    token: admin.token,
    body: { reason: 'A test.', ...body },
    headers: { 'if-match': match },
  })
const act = (id: string, deed: string) =>
  api.call('POST', `/v1/providers/${id}/${deed}`, { token: admin.token, body: { reason: 'A test.' }, key: null })
const rowOf = (id: string) =>
  api.db
    .selectFrom('provider')
    .selectAll()
    .where('id', '=', id as ProviderId)
    .executeTakeFirstOrThrow()

test('a provider is made once per key, with all that stands beside it, and its secrets sealed for its row', async () => {
  const id = freshId()
  const key = randomUUID()
  const wanted = { ...docker(id), classes: ['big'], startLimit: 7, draining: true }
  const made = await create(wanted, key)
  expect([made.status, made.headers.get('location'), made.headers.get('etag')]).toEqual([
    201,
    `/v1/providers/${id}`,
    '"1"',
  ])
  expect(made.body).toMatchObject({
    id,
    kind: 'docker',
    origin: 'api',
    startLimit: 7,
    networks: ['10.1.0.0/16'],
    classes: ['big'],
    settings: wanted.settings,
    secrets: ['clientCertificate', 'clientKey'],
    version: 1,
    capabilities: null,
    openFault: null,
    disabledAt: null,
  })
  expect(made.body['drainingSince']).not.toBeNull()
  const again = await create(wanted, key)
  expect([again.status, again.body.id]).toEqual([201, id])
  expect((await create({ ...wanted, startLimit: 8 }, key)).body.code).toBe('idempotency_key_reused')
  expect((await create(wanted)).body).toMatchObject({ status: 409, code: 'name_taken', errors: [{ pointer: '/id' }] })

  const row = await rowOf(id)
  const sealed = row.secrets ?? Buffer.alloc(0)
  expect(JSON.parse(secrets.decrypt(providerSecrets(id), sealed).toString())).toEqual(wanted.secrets)
  expect(() => secrets.decrypt(providerSecrets('another'), sealed)).toThrow('cannot be opened')
  for (const table of ['provider_health', 'sweep'] as const)
    expect(
      await api.db.selectFrom(table).select('provider_id').where('provider_id', '=', row.id).execute(),
    ).toHaveLength(1)
  const quota = api.db.selectFrom('quota').select('payer_id').where('payer_kind', '=', 'provider')
  expect(await quota.where('payer_id', '=', id).execute()).toHaveLength(1)
})

test('no secret is in answers, the audit or the log, whatever became of the request', async () => {
  const secret = `very-secret-${randomUUID()}`
  const id = freshId()
  const key = `-----BEGIN PRIVATE KEY-----\n${secret}`
  const given = { ...docker(id), secrets: { ...docker(id).secrets, clientKey: key } }
  const answers = [
    await create(given),
    await create(given),
    await create({ ...docker(freshId()), settings: { ...given.settings, clientKey: key } }),
    await create({ ...docker(freshId()), secrets: { password: secret } }),
    await create({ ...docker(freshId()), secrets: { clientKey: secret } }),
    await create({ ...docker(freshId()), secrets: secret }),
    await create({ ...docker(freshId()), settings: { dockerHost: `tcp://user:${secret}@10.1.2.3:2376` } }),
    await patch(id, { secrets: given.secrets }),
    await patch(id, { settings: { ...given.settings, clientKey: key }, secrets: given.secrets }),
    await get(id),
    await api.call('GET', '/v1/providers', { token: admin.token }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([201, 409, 422, 422, 422, 422, 422, 200, 422, 200, 200])
  for (const { text } of answers) expect(text).not.toContain(secret)
  expect(api.logged.join('\n')).not.toContain(secret)
  const audit = JSON.stringify(await api.db.selectFrom('audit_event').selectAll().execute())
  expect(audit).not.toContain(secret)
  const line = await api.db
    .selectFrom('audit_event')
    .select('detail')
    .where('action', '=', 'createProvider')
    .where('subject_id', '=', id)
    .where('outcome', '=', 'accepted')
    .executeTakeFirstOrThrow()
  expect(line.detail).toMatchObject({ settings: given.settings, secrets: ['clientCertificate', 'clientKey'] })
})

const key = '-----BEGIN PRIVATE KEY-----\nkey'
test.each([
  ['a kind that runs commands of a machine', { kind: 'process' }, '/kind'],
  ['a kind that is none', { kind: 'abacus' }, '/kind'],
  ['a path of a file', { settings: { dockerHost: 'tcp://10.1.2.3:2376', certPath: '/etc/ssl' } }, '/settings/certPath'],
  ['a socket of the machine', { settings: { dockerHost: 'unix:///var/run/docker.sock' } }, '/settings/dockerHost'],
  ['a program', { settings: { dockerHost: 'ssh://root@10.1.2.3' } }, '/settings/dockerHost'],
  [
    'a weaker isolation',
    { settings: { ...docker('x').settings, egressEnforcement: 'best_effort' } },
    '/settings/egressEnforcement',
  ],
  ['a daemon without its credentials', { secrets: {} }, '/settings/caCertificate'],
  ['half of its credentials', { secrets: { clientKey: key } }, '/settings/caCertificate'],
  ['a secret that is none of the kind', { secrets: { token: 'x' } }, '/secrets/token'],
  [
    'a daemon elsewhere',
    { settings: { ...docker('x').settings, dockerHost: 'tcp://192.0.2.1:2376' } },
    '/settings/dockerHost',
  ],
  [
    'a daemon on this machine',
    { settings: { ...docker('x').settings, dockerHost: 'tcp://127.0.0.1:2375' } },
    '/settings/dockerHost',
  ],
  [
    'the metadata of a cloud',
    { settings: { ...docker('x').settings, dockerHost: 'tcp://169.254.169.254:80' } },
    '/settings/dockerHost',
  ],
  [
    'the metadata of a cloud, in other words',
    {
      kind: 'slurm',
      settings: { url: 'https:/169.254.169.254', user: 'carrel', auth: 'token' },
      secrets: { token: 'x' },
    },
    '/settings/url',
  ],
  [
    'an address that is none',
    { kind: 'slurm', settings: { url: 'slurm', user: 'carrel', auth: 'token' }, secrets: { token: 'x' } },
    '/settings/url',
  ],
  ['sessions elsewhere', { networks: ['10.1.0.0/16', '192.168.0.0/16'] }, '/networks/1'],
  ['sessions in more than is allowed', { networks: ['0.0.0.0/0'] }, '/networks/0'],
  ['no network', { networks: ['10.1.0.0'] }, '/networks/0'],
  ['nowhere where its sessions are reached', { networks: [] }, '/networks'],
  ['a class that is no name', { classes: ['Big One'] }, '/classes/0'],
  ['an id that is none', { id: 'A-1' }, '/id'],
  ['no reason', { reason: '' }, '/reason'],
])('%s is refused, with its place', async (_, change, pointer) => {
  const refused = await create({ ...docker(freshId()), ...change })
  expect([refused.status, refused.body.errors[0]?.pointer]).toEqual([422, pointer])
})

test('of a link nobody asks in which networks its sessions are', async () => {
  const id = freshId()
  const made = await create({ id, kind: 'link', reason: 'A test.' })
  expect([made.status, made.body['networks']]).toEqual([201, []])
  expect((await patch(id, { networks: [] })).status).toBe(200)
})

test('without networks that the deployment allows, nothing outside can be a provider', async () => {
  const closed = await startApi({ providerNetworks: [], development: false })
  try {
    const { token } = await closed.person({ roles: ['admin'] })
    const make = (body: object) => closed.call('POST', '/v1/providers', { token, body })
    const named = {
      ...docker('d1'),
      networks: [],
      settings: { ...docker('d1').settings, dockerHost: 'tcp://docker.example.org:2376' },
    }
    expect((await make(named)).body.errors).toMatchObject([{ pointer: '/settings/dockerHost' }])
    expect((await make(docker('d1'))).body.errors).toMatchObject([{ pointer: '/settings/dockerHost' }])
    const fake = { id: 'f1', kind: 'fake', reason: 'A test.' }
    expect((await make(fake)).body.errors).toMatchObject([{ pointer: '/kind' }])
  } finally {
    await closed.close()
  }
})

describe('a change', () => {
  test('needs what was read, raises the version, and leaves what it does not name', async () => {
    const id = freshId()
    const made = await create({ ...docker(id), classes: ['one'] })
    const bare = await api.call('PATCH', `/v1/providers/${id}`, { token: admin.token, body: { reason: 'x' } })
    expect(bare.status).toBe(428)
    expect((await patch(id, { startLimit: 2 }, '"7"')).status).toBe(412)
    const changed = await patch(id, { startLimit: 2 }, made.headers.get('etag') ?? '')
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"'])
    expect(changed.body).toMatchObject({ startLimit: 2, classes: ['one'], secrets: ['clientCertificate', 'clientKey'] })
    expect((await get(id)).headers.get('etag')).toBe('"2"')
  })

  test('of the settings asks for the secrets again: they go nowhere but where they were given for', async () => {
    const id = freshId()
    await create(docker(id))
    const before = (await rowOf(id)).secrets
    const settings = { ...docker(id).settings, dockerHost: 'tcp://10.9.9.9:2376' }
    expect((await patch(id, { settings })).body.errors).toMatchObject([{ pointer: '/secrets' }])
    expect((await rowOf(id)).secrets).toEqual(before)
    const moved = await patch(id, { settings, secrets: docker(id).secrets })
    expect(moved.body).toMatchObject({ settings, secrets: ['clientCertificate', 'clientKey'] })
    expect((await patch(id, { secrets: {} })).body.errors).toMatchObject([{ pointer: '/settings/caCertificate' }])
    const renewed = await patch(id, { secrets: docker(id).secrets })
    expect([renewed.status, renewed.body['settings']]).toEqual([200, settings])
  })

  test('of networks is held to what the deployment allows', async () => {
    const id = freshId()
    await create(docker(id))
    expect((await patch(id, { networks: ['172.16.0.0/12'] })).body.errors).toMatchObject([{ pointer: '/networks/0' }])
    expect((await patch(id, { kind: 'fake' })).status).toBe(422)
  })

  test('of what configuration made is refused, whatever it is', async () => {
    for (const refused of [
      await patch('fake', { startLimit: 2 }),
      await act('fake', 'disable'),
      await act('fake', 'enable'),
    ])
      expect([refused.status, refused.body.code]).toEqual([409, 'configured'])
    expect((await get('fake')).body['settings']).toBeNull()
  })
})

test('out of service no session begins there; in service again it does', async () => {
  const id = freshId()
  await create(docker(id))
  const templateId = await api.template({ provider: { id } })
  const me = await api.person()
  const start = () =>
    api.call('POST', '/v1/sessions', { token: me.token, body: { templateId }, headers: { prefer: 'respond-async' } })
  expect((await start()).status).toBe(202)
  expect((await act(id, 'disable')).body['disabledAt']).not.toBeNull()
  expect((await act(id, 'disable')).status).toBe(200)
  expect((await start()).body).toMatchObject({ status: 422, code: 'provider_unknown' })
  const back = await act(id, 'enable')
  expect([back.body['disabledAt'], back.body.version]).toEqual([null, 3])
  expect((await act(id, 'enable')).body.version).toBe(3)
  expect((await start()).status).toBe(202)
})
