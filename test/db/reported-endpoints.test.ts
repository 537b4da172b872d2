import { MockActivityEnvironment } from '@temporalio/testing'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createComputeActivities } from '../../activities/compute.ts'
import type { Creation } from '../../activities/compute.ts'
import { hashOf, newReportToken } from '../../db/door-secrets.ts'
import { readInstance, recordRemoved, tombstone } from '../../db/instances.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { withTimings } from '../../domain/timings.ts'
import type { SessionKey } from '../../domain/session.ts'
import { locator } from '../../platform/target.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { InstanceSpec, InstanceState } from '../../ports/compute/provider.ts'
import { startApi } from '../setup/api.ts'
import type { TestApi } from '../setup/api.ts'
import { plainSecrets } from '../setup/plain-secrets.ts'
import { createEavesdropper, createTlsSession } from '../support/gateway/tls-session.ts'
import type { Eavesdropper, TlsSession } from '../support/gateway/tls-session.ts'

let api: TestApi
let session: TlsSession
let between: Eavesdropper
let plain: Server
let templateId: string
let pinnedId: string
const fake = 'fake' as ProviderId
const doors = { web: { protocol: 'http', port: 8_888, modes: ['control'] } }
const reportedPorts = { from: 1_024, to: 65_535 }

beforeAll(async () => {
  api = await startApi()
  session = await createTlsSession((_request, response) => void response.end('a desk'))
  between = await createEavesdropper(session.port)
  plain = createServer((_request, response) => void response.end('a desk')).listen(0, '127.0.0.1')
  templateId = await api.template({ doors, reportedPorts })
  pinnedId = await api.template({ doors, reportedPorts: { ...reportedPorts, tls: true } })
}, 60_000)
beforeEach(async () => {
  await api.db
    .updateTable('provider')
    .set({ networks: ['127.0.0.1/32', '10.0.0.0/8'] })
    .where('id', '=', fake)
    .execute()
})
afterAll(async () => {
  await Promise.all([session.close(), between.close()])
  plain.closeAllConnections()
  plain.close()
  await api.close()
})

const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function wished(template: string): Promise<SessionKey> {
  const { token } = await api.person()
  const body = { templateId: template }
  const made = await api.call('POST', '/v1/sessions', { token, body, headers: { prefer: 'respond-async' } })
  await api.decide(made.body.id)
  return { sessionId: made.body.id, generation: 1 }
}

interface Scene {
  /** What the backend says once it is made. */
  readonly state: InstanceState
  readonly template?: string
  /** What the instance says as soon as it is made. */
  readonly said?: Readonly<Record<string, unknown>>
  readonly own?: Parameters<typeof locator>[0]
  readonly waitMs?: number
}

/** Makes an instance as a worker does, lets it report through the API, and waits for what comes of it. */
async function started({ state, template = templateId, said, own = [], waitMs = 60_000 }: Scene) {
  const key = await wished(template)
  const specs: InstanceSpec[] = []
  const token = newReportToken()
  const { createInstance, removeInstance } = createComputeActivities({
    db: api.db,
    providerId: fake,
    provider: {
      ...createFakeProvider(),
      create: async (spec) => {
        specs.push(spec)
        if (said !== undefined) {
          const report = spec.report?.token ?? ''
          const answer = await api.call('POST', '/v1/instance-reports', { token: report, body: said, key: null })
          expect(answer.status).toBe(204)
        }
        return { kind: 'made', ref: { name: spec.name, deploymentId: spec.deploymentId } }
      },
      inspect: async () => state,
      remove: async () => ({ kind: 'removed' }),
    },
    secrets: { ...plainSecrets, mintReport: () => ({ sealed: Buffer.from(token), hash: hashOf(token) }) },
    locate: locator(own),
    reportUrl: 'https://carrel.example.org/v1/instance-reports',
    timings: withTimings({}),
    stopping: new AbortController().signal,
  })
  const environment = new MockActivityEnvironment({ startToCloseTimeoutMs: 4 * waitMs })
  const creation: Creation = await environment.run(createInstance, { ...key, waitMs })
  const row = await readInstance(api.db, key)
  const { operator_detail } = await api.db
    .selectFrom('session')
    .select('operator_detail')
    .where('id', '=', key.sessionId)
    .executeTakeFirstOrThrow()
  return { key, token, specs, creation, row, detail: operator_detail, removeInstance, createInstance, environment }
}

const running = (host: string): InstanceState => ({ kind: 'running', endpoints: [], host })
const ready = { kind: 'created', readiness: { kind: 'ready' } }
const failed = { kind: 'created', readiness: { kind: 'gone', reason: 'start_failed' } }

test('the host is the backend’s word, the port the instance’s, and its repeated create gets the same token', async () => {
  const port = portOf(plain)
  const begun = await started({ state: running('127.0.0.1'), said: { ports: { '8888': port } } })
  expect(begun.creation).toEqual(ready)
  expect(begun.row?.endpoints).toEqual([{ port: 8_888, host: '127.0.0.1', hostPort: port }])
  expect(begun.specs[0]?.report).toEqual({
    url: 'https://carrel.example.org/v1/instance-reports',
    token: begun.token,
    ports: reportedPorts,
  })
  expect(JSON.stringify(begun.specs[0]?.environment)).not.toContain(begun.token)
  await begun.environment.run(begun.createInstance, { ...begun.key, waitMs: 0 })
  expect(begun.specs.map((spec) => spec.report?.token)).toEqual([begun.token, begun.token])
  await begun.environment.run(begun.removeInstance, begun.key)
  const again = await api.call('POST', '/v1/instance-reports', {
    token: begun.token,
    body: { ports: { '8888': port } },
    key: null,
  })
  expect(again.status).toBe(410)
  expect((await readInstance(api.db, begun.key))?.reportToken).toBeNull()
})

test('a name that the backend says is resolved once, and its address is kept', async () => {
  const port = portOf(plain)
  const begun = await started({ state: running('localhost'), said: { ports: { '8888': port } } })
  expect([begun.creation, begun.row?.endpoints[0]?.host]).toEqual([ready, '127.0.0.1'])
  await begun.environment.run(begun.removeInstance, begun.key)
})

test('by its certificate it is known, and by nothing else', async () => {
  const { fingerprint } = session
  const said = (port: number) => ({ ports: { '8888': port }, fingerprint })
  const begun = await started({ state: running('127.0.0.1'), template: pinnedId, said: said(session.port) })
  expect(begun.creation).toEqual(ready)
  expect(begun.row?.endpoints).toEqual([{ port: 8_888, host: '127.0.0.1', hostPort: session.port, fingerprint }])
  await begun.environment.run(begun.removeInstance, begun.key)
  // Somebody in between, and somebody who speaks plainly, are never ready.
  const leadTo = async (port: number) => {
    const led = await started({ state: running('127.0.0.1'), template: pinnedId, said: said(port), waitMs: 3_000 })
    expect(led.creation).toEqual({ kind: 'created' })
    await led.environment.run(led.removeInstance, led.key)
  }
  await Promise.all([between.port, portOf(plain)].map(leadTo))
  expect(between.visits()).toBeGreaterThan(0)
  expect(between.read()).toBe('')
})

test.each([
  ['the address of a cloud’s metadata', '169.254.169.254', 20_000],
  ['an address on this machine that nobody named', '127.0.0.2', 20_000],
  ['an address outside the provider’s networks', '192.168.1.1', 20_000],
  ['nowhere', '0.0.0.0', 20_000],
  ['a neighbour on the link', 'fe80::1', 20_000],
])('a backend that says %s leads nobody there', async (_, host, port) => {
  const begun = await started({ state: running(host), said: { ports: { '8888': port } } })
  expect(begun.creation).toEqual(failed)
  expect(begun.row?.endpoints).toEqual([])
  expect(begun.detail).toBe(`It reported port ${port} of ${host}, which no session of this provider may be at.`)
})

test('a port at which one of Carrel’s own services listens is no port of a session', async () => {
  const port = portOf(plain)
  const own = [{ host: 'localhost', port }]
  const begun = await started({ state: running('127.0.0.1'), said: { ports: { '8888': port } }, own })
  expect([begun.creation, begun.row?.endpoints]).toEqual([failed, []])
})

test('a neighbour’s port is the neighbour’s, and after it is gone anybody’s', async () => {
  const port = portOf(plain)
  const said = { ports: { '8888': port } }
  const first = await started({ state: running('127.0.0.1'), said })
  expect(first.creation).toEqual(ready)
  const second = await started({ state: running('127.0.0.1'), said })
  expect([second.creation, second.row?.endpoints]).toEqual([failed, []])
  expect(second.detail).toBe(`It reported ${port} of 127.0.0.1, where another instance is reached.`)
  // That it is to go does not make its port free: it may be there still.
  await tombstone(api.db, first.key, fake)
  expect((await started({ state: running('127.0.0.1'), said })).creation).toEqual(failed)
  await recordRemoved(api.db, first.key)
  const third = await started({ state: running('127.0.0.1'), said })
  expect(third.creation).toEqual(ready)
  await third.environment.run(third.removeInstance, third.key)
})

test('whose word it is where an instance is, is believed as far as what instances report themselves', async () => {
  const fixed = await api.template({ doors, readiness: { kind: 'none' } })
  const at = (host: string): InstanceState => ({
    kind: 'running',
    endpoints: [{ port: 8_888, host, hostPort: 8_888 }],
    host,
    unverified: true,
  })
  const first = await started({ state: at('10.0.3.1'), template: fixed })
  expect([first.creation, first.row?.endpoints]).toEqual([ready, [{ port: 8_888, host: '10.0.3.1', hostPort: 8_888 }]])
  const own = [{ host: '10.0.3.2', port: 8_888 }]
  for (const host of ['169.254.169.254', '192.168.1.1', '127.0.0.2', '10.0.3.1', '10.0.3.2']) {
    const led = await started({ state: at(host), template: fixed, own })
    expect([host, led.creation, led.row?.endpoints]).toEqual([host, failed, []])
  }
})

test('without its report, or without its address, an instance that runs is waited for', async () => {
  const silent = await started({ state: running('127.0.0.1'), waitMs: 500 })
  expect([silent.creation, silent.row?.endpoints]).toEqual([{ kind: 'created' }, []])
  const nowhere = await started({
    state: { kind: 'running', endpoints: [] },
    said: { ports: { '8888': portOf(plain) } },
    waitMs: 500,
  })
  expect([nowhere.creation, nowhere.row?.endpoints]).toEqual([{ kind: 'created' }, []])
})

test('an installation that cannot say where to report makes no instance that must', async () => {
  const key = await wished(templateId)
  const { createInstance } = createComputeActivities({
    db: api.db,
    providerId: fake,
    provider: createFakeProvider(),
    secrets: { ...plainSecrets, mintReport: () => ({ sealed: Buffer.from('t'), hash: hashOf(newReportToken()) }) },
    locate: locator([]),
    timings: withTimings({}),
    stopping: new AbortController().signal,
  })
  const created = await new MockActivityEnvironment().run(createInstance, key)
  expect(created).toEqual({ kind: 'refused', reason: 'start_failed' })
})
