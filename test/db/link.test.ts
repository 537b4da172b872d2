import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLinkRecords } from '../../db/link-records.ts'
import { instanceName } from '../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../domain/ids.ts'
import { createLinkProvider } from '../../ports/compute/link/provider.ts'
import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { ProviderUnreachable } from '../../ports/compute/provider.ts'
import { call, freshDeployment, freshKey, listed, refOf } from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { startApi } from '../setup/api.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { plainSpec } from '../setup/plain-spec.ts'
import { plainTemplate } from '../setup/template.ts'

const links = 'links' as ProviderId
let api: TestApi
let me: Person
beforeAll(async () => {
  api = await startApi()
  me = await api.person()
  await api.db.insertInto('provider').values({ id: links, kind: 'link', origin: 'api', start_limit: 4 }).execute()
  await api.db.insertInto('provider_health').values({ provider_id: links }).execute()
  await api.db.insertInto('quota').values({ payer_kind: 'provider', payer_id: links }).execute()
})
afterAll(() => api.close())

const open = () => createLinkProvider(createLinkRecords(api.db, links))
const spec = (key: InstanceKey): InstanceSpec => ({
  ...key,
  ...plainSpec,
  terms: { link: { url: 'https://desk.example/' } },
  image: 'none',
  secret: 'nobody asks for it',
  resources: { sessions: 1, cpuMilli: 1, memoryMib: 1, diskMib: 0, gpus: 0 },
  ports: [],
  readiness: { kind: 'none' },
  egress: 'internet',
})

test('a link is made once, found by its name, and gone when it is removed', async () => {
  const deployment = freshDeployment()
  const key = freshKey(deployment)
  const made = await Promise.all([open().create(spec(key), call()), open().create(spec(key), call())])
  expect(made.map(({ kind }) => kind).toSorted()).toEqual(['adopted', 'made'])
  expect(await open().inspect(refOf(key), call())).toEqual({ kind: 'running', endpoints: [] })
  expect(await listed(open(), deployment)).toMatchObject([{ sessionId: key.sessionId, generation: 1 }])
  expect(await listed(open(), freshDeployment())).toEqual([])
  for (let n = 0; n < 2; n++) expect(await open().remove(refOf(key), call())).toEqual({ kind: 'removed' })
  expect(await open().inspect(refOf(key), call())).toEqual({ kind: 'absent' })
  expect(await open().create({ ...spec(key), terms: {} }, call())).toMatchObject({
    kind: 'refused',
    code: 'template_unfit',
  })
})

test('more links than a page holds are all listed', async () => {
  const deployment = freshDeployment()
  const records = createLinkRecords(api.db, links)
  const keys = Array.from({ length: 501 }, () => freshKey(deployment))
  await api.db
    .insertInto('link')
    .values(
      keys.map(({ name, deploymentId, sessionId, generation }) => ({
        provider_id: links,
        deployment_id: deploymentId,
        name,
        session_id: sessionId,
        generation,
      })),
    )
    .execute()
  expect(new Set((await listed(open(), deployment)).map(({ ref }) => ref.name))).toEqual(
    new Set(keys.map(({ name }) => name)),
  )
  for (const key of keys.slice(0, 2)) await records.remove(key)
  expect(await listed(open(), deployment)).toHaveLength(499)
})

test('where nothing answers, nobody says that a link is gone', async () => {
  const broken = () => Promise.reject(new Error('connection refused'))
  const provider = createLinkProvider({ add: broken, has: broken, remove: broken, page: broken })
  const key = freshKey(freshDeployment())
  expect((await provider.create(spec(key), call())).kind).toBe('unavailable')
  expect((await provider.inspect(refOf(key), call())).kind).toBe('unknown')
  expect((await provider.remove(refOf(key), call())).kind).toBe('unknown')
  await expect(listed(provider, key.deploymentId)).rejects.toBeInstanceOf(ProviderUnreachable)
})

const template = {
  ...plainTemplate,
  provider: { kind: 'link' },
  doors: {},
  readiness: { kind: 'none' },
  parameters: { run: { type: 'string' } },
  backend: { link: { url: 'https://desk.example/{project}?run={parameter.run}&who={account}' } },
} as const

/** A session of a link that a worker would have made ready. */
async function follow(run: string): Promise<SessionId> {
  const templateId = await api.template(template)
  const made = await api.call('POST', '/v1/sessions', {
    token: me.token,
    body: { templateId, parameters: { run } },
    headers: { prefer: 'respond-async' },
  })
  const id: SessionId = made.body.id
  await api.db.updateTable('session').set({ state: 'ready' }).where('id', '=', id).execute()
  await api.db
    .insertInto('instance')
    .values({
      session_id: id,
      generation: 1,
      provider_id: links,
      name: instanceName(id, 1),
      secret: Buffer.from('sealed'),
      endpoints: '[]',
    })
    .execute()
  return id
}
const connect = (id: string, body: object) =>
  api.call('POST', `/v1/sessions/${id}/connections`, { token: me.token, body, key: null })

test('a session that is a link has one door, which tells where it leads', async () => {
  const id = await follow('7 & 8')
  const { project_id } = await api.db
    .selectFrom('session')
    .select('project_id')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  const shown = [{ name: 'link', protocol: 'link', modes: ['control'] }]
  const read = (path: string) => api.call('GET', path, { token: me.token })
  expect((await read(`/v1/sessions/${id}`)).body.doors).toEqual(shown)
  expect((await read('/v1/sessions')).body.items).toMatchObject([{ id, doors: shown }])
  const doors = await api.call('GET', `/v1/sessions/${id}/connections`, { token: me.token })
  expect(doors.body).toMatchObject({ open: true, items: [{ name: 'link', protocol: 'link', modes: ['control'] }] })
  const opened = await connect(id, { door: 'link' })
  expect([opened.status, opened.body.url]).toEqual([
    201,
    `https://desk.example/${project_id}?run=7%20%26%208&who=${me.id}`,
  ])
  expect((await connect(id, { door: 'link', mode: 'view' })).body).toMatchObject({ code: 'mode_unsupported' })
  expect((await connect(id, { door: 'link', path: '/x' })).body).toMatchObject({ errors: [{ pointer: '/path' }] })
  expect((await connect(id, { door: 'web' })).body).toMatchObject({ code: 'door_unknown' })
  const other = await api.person()
  expect((await api.call('GET', `/v1/sessions/${id}/connections`, { token: other.token })).status).toBe(404)
  await api.call('DELETE', `/v1/sessions/${id}`, { token: me.token })
  expect((await connect(id, { door: 'link' })).status).toBe(403)
})
