import { afterAll, beforeAll, expect, test } from 'vitest'
import { createGatewayDoors } from '../../db/gateway-doors.ts'
import { createHandoverRecords } from '../../db/handover-records.ts'
import type { SessionId } from '../../domain/ids.ts'
import { createSecrets, handoverSecrets } from '../../platform/secrets.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import { createOpening } from '../../worker/opening.ts'
import { plainTemplate } from '../setup/template.ts'
import { ask, createSession, createStand, publicPort } from '../support/gateway/stand.ts'
import { domain } from '../support/gateway/memory-doors.ts'
import { startProvisioner } from '../support/handover/provisioner.ts'
import type { Wanted } from '../support/handover/provisioner.ts'
import { apiOn } from './api-on-stage.ts'
import { createStage, eventually, held, stateOf, storyOf, until } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
let api: ReturnType<typeof apiOn>
let admin: string
let desk: Awaited<ReturnType<typeof createSession>>
let gateway: Awaited<ReturnType<typeof createStand>>
let worker: Awaited<ReturnType<Stage['startWorkers']>>
let provisioner: string
beforeAll(async () => {
  desk = await createSession((_request, response) => void response.end('a desk'))
  stage = await createStage({ provider: createFakeProvider() })
  const { db } = stage
  api = apiOn(stage, { directDoors: false, doors: { scheme: 'http', domain, port: publicPort } })
  gateway = await createStand(createGatewayDoors({ db, gatewayId: 'gtest' }))
  admin = (await api.account('admin')).token
  const { id: accountId } = await api.account('member')
  const token = { name: 'Broker', client: 'broker', accountId, scopes: ['provision'] }
  provisioner = (await post('/v1/tokens', token)).body.secret
  await post('/v1/providers', {
    id: 'desks',
    kind: 'handover',
    networks: ['127.0.0.1/32'],
    settings: { provisioner: accountId },
    reason: 'A test.',
  })
  const secrets = createSecrets(stage.keyring)
  const seal = (id: string, text: string) => secrets.encrypt(handoverSecrets(id), text)
  const rules = { development: true, weakIsolationAllowedFor: [], backendNetworks: [] }
  const handoversOf = (id: Parameters<typeof createHandoverRecords>[1]) => createHandoverRecords(db, id, seal)
  worker = await stage.startWorkers(['core', 'provider/desks'], {
    openProvider: createOpening({ ...rules, handoversOf }, secrets),
  })
}, 120_000)
afterAll(async () => {
  await worker?.stop()
  await gateway?.close()
  await desk?.close()
  api?.close()
  await stage?.close()
}, 120_000)

const post = async (path: string, body: object, token = admin) => {
  const answer = await api.call('POST', path, { token, body })
  if (answer.status >= 300) throw new Error(answer.text)
  return answer
}

async function start(image: string): Promise<{ readonly id: SessionId; readonly token: string }> {
  const spec = {
    ...plainTemplate,
    provider: { kind: 'handover' },
    image,
    egress: 'internet',
    parameters: { licence: { type: 'string', secret: true, env: 'LICENCE' }, pool: { type: 'string', default: 'w11' } },
    doors: { web: { protocol: 'http', port: desk.port, modes: ['control'] } },
    readiness: { kind: 'http', port: desk.port, path: '/', status: 200 },
  }
  const templateId = (await post('/v1/templates', { name: image.replace(':', '-'), spec })).body.id
  const { token } = await api.account('member')
  const parameters = { licence: 'canary-licence' }
  const made = await api.call('POST', '/v1/sessions', {
    token,
    body: { templateId, parameters },
    headers: { prefer: 'respond-async' },
  })
  return { id: made.body.id, token }
}

/** Goes the way of a browser, from the answer of the API to what the desk says. */
async function through(url: string): Promise<string> {
  const address = new URL(url)
  const ticket = new URLSearchParams(address.hash.slice(1)).get('ticket')
  const entered = await ask(gateway.port, {
    method: 'POST',
    path: '/.carrel/redeem',
    host: address.hostname,
    headers: { Origin: address.origin, 'Content-Type': 'application/json' },
    body: JSON.stringify({ ticket }),
  })
  const cookie = entered.headers['set-cookie']?.[0]?.split(';', 1).join('') ?? ''
  return (await ask(gateway.port, { host: address.hostname, headers: { Cookie: cookie } })).body
}

const inOrder = (wanted: Wanted) =>
  wanted.image === 'full:1'
    ? ([['fail', { code: 'unschedulable', words: 'No host of the pool has room.', gone: true }]] as const)
    : ([
        ['report', { state: 'preparing', words: 'Cloning the machine' }],
        ['report', { state: 'running', host: '127.0.0.1' }],
      ] as const)

test('a session is handed over, made by somebody else, entered, ended, and then nothing is left', async () => {
  const { db } = stage
  const given: string[] = []
  const broker = startProvisioner({
    call: api.call,
    token: provisioner,
    script: inOrder,
    taken: ({ text }) => given.push(text),
  })
  await eventually('the provisioner has asked', async () => {
    const asked = db.selectFrom('token').select('last_used_at').where('client', '=', 'broker')
    return (await asked.executeTakeFirstOrThrow()).last_used_at !== null
  })
  const [session, full] = await Promise.all([start('windows:11'), start('full:1')])
  await until(db, session.id, ['ready'])
  expect(given.find((text) => text.includes(session.id))).toContain('"LICENCE":"canary-licence"')
  expect(given.find((text) => text.includes(session.id))).toContain('"parameters":{"pool":"w11"}')
  const opened = await post(`/v1/sessions/${session.id}/connections`, { door: 'web' }, session.token)
  expect(await through(opened.body.url)).toBe('a desk')

  // The other one was refused, and it is told why.
  await until(db, full.id, ['failed'])
  expect(await stateOf(db, full.id)).toMatchObject({
    reason: 'unschedulable',
    operator_detail: 'No host of the pool has room.',
  })

  await api.call('DELETE', `/v1/sessions/${session.id}`, { token: session.token })
  await until(db, session.id, ['stopped'])
  expect(await storyOf(db, session.id)).toEqual(['requested', 'provisioning', 'ready', 'stopping:user', 'stopped:user'])
  for (const { id } of [session, full]) expect(await held(db, id)).toBe(0)
  expect(await db.selectFrom('handover').selectAll().execute()).toEqual([])
  await broker.stop()
})

test('as long as its provisioner does not say that it is gone, a session is being stopped', async () => {
  const { db } = stage
  const call = async (method: string, path: string, body?: object) =>
    await api.call(method, `/v1/provisioner/instances${path}`, {
      token: provisioner,
      key: null,
      ...(body === undefined ? {} : { body }),
    })
  const { id, token } = await start('windows:10')
  await eventually('it is wanted', async () => (await call('GET', '')).body.items.length > 0)
  const { id: instance } = (await call('GET', '?status=wanted')).body.items[0] ?? { id: '' }
  expect((await call('POST', `/${instance}/take`, { claim: 'the-claim-of-a-test' })).status).toBe(200)
  await api.call('DELETE', `/v1/sessions/${id}`, { token })
  await eventually('it is asked to go', async () => (await call('GET', '?unwanted=true')).body.items.length === 1)
  expect((await call('POST', `/${instance}/report`, { state: 'running', host: '127.0.0.1' })).status).toBe(410)
  expect([(await stateOf(db, id)).state, await held(db, id)]).toEqual(['stopping', 1])
  expect((await call('POST', `/${instance}/gone`)).status).toBe(204)
  await until(db, id, ['stopped'])
  expect(await held(db, id)).toBe(0)
})
