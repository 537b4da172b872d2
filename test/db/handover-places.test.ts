import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newReportToken } from '../../db/door-secrets.ts'
import { readInstance, tombstone } from '../../db/instances.ts'
import { claimEndpoints } from '../../db/reports.ts'
import type { ProviderId } from '../../domain/ids.ts'
import { startApi } from '../setup/api.ts'
import type { TestApi } from '../setup/api.ts'
import { addHandoverProvider } from '../setup/handover.ts'
import type { Provisioner } from '../setup/handover.ts'
import { freshHost, running, talkOf } from '../setup/handover-talk.ts'

const desks = 'desks' as ProviderId
const range = { from: 20_000, to: 20_999 }
let api: TestApi
let broker: Provisioner
beforeAll(async () => {
  api = await startApi()
  broker = await addHandoverProvider(api, desks)
})
afterAll(() => api.close())

const { say, taken, rowOf, begun } = talkOf(
  () => api,
  () => broker,
  desks,
)

describe('where an instance is', () => {
  test.each([
    ['the metadata address', '169.254.169.254'],
    ['a neighbour without a router', '169.254.10.1'],
    ['this machine', '127.0.0.1'],
    ['this machine, of IPv6', '::1'],
    ['this machine, as IPv6 has it', '::ffff:127.0.0.1'],
    ['nowhere', '0.0.0.0'],
    ['another network', '10.21.0.1'],
    ['a public address', '192.0.2.1'],
    ['a neighbour of IPv6', 'fe80::1'],
    ['everybody', '255.255.255.255'],
    ['a number', '169090561'],
    ['an address in octal', '012.024.0.1'],
    ['a name', 'desk.example'],
    ['a name that is an address', '10.20.0.1.nip.example'],
    ['an address with a port', '10.20.0.1:3389'],
    ['an address with a zone', 'fe80::1%eth0'],
    ['a URL', 'http://10.20.0.1/'],
  ])('is not %s', async (_, host) => {
    const one = await taken()
    const answer = await say(one, 'report', running(host))
    expect([answer.status, answer.body.errors]).toMatchObject([422, [{ pointer: '/host' }]])
    expect(await rowOf(one)).toMatchObject({ status: 'taken', host: null })
    // What was refused has not used it up.
    expect((await say(one, 'report', running(freshHost()))).status).toBe(204)
  })

  test.each([
    ['a port of the system', { ports: { '3389': 22 } }, '/ports/3389'],
    ['a port that no door has', { ports: { '3389': 3_389, '22': 22 } }, '/ports/22'],
    ['no port at all', { ports: { '3389': 0 } }, '/ports/3389'],
    ['a certificate for what is fixed', { fingerprint: 'ab'.repeat(32) }, '/fingerprint'],
  ])('is not at %s, where the template fixes its ports', async (_, more, pointer) => {
    const one = await taken()
    const answer = await say(one, 'report', running(freshHost(), more))
    expect(answer.status).toBe(422)
    expect(answer.body.errors.map((fault) => fault.pointer)).toContain(pointer)
    expect((await say(one, 'report', running(freshHost(), { ports: { '3389': 3_389 } }))).status).toBe(204)
  })

  test('is said once: another place is refused, and the first stands', async () => {
    const one = await taken()
    const host = freshHost()
    expect((await say(one, 'report', running(host))).status).toBe(204)
    expect((await say(one, 'report', running(freshHost()))).status).toBe(409)
    expect((await rowOf(one))?.host).toBe(host)
  })

  test('is not where another session is reached', async () => {
    const other = await begun()
    const host = freshHost()
    await claimEndpoints(api.db, other, [{ port: 3_389, host, hostPort: 3_389 }])
    const one = await taken()
    expect((await say(one, 'report', running(host))).body.code).toBe('conflict')
    expect((await rowOf(one))?.status).toBe('taken')
  })
})

describe('ports that a template lets be reported', () => {
  const reporting = { ports: [8_888, 8_889], reportedPorts: range }
  const ports = { '8888': 20_001, '8889': 20_002 }

  test('are said by the provisioner in the place of the instance, once', async () => {
    const key = await begun({ reportedPorts: range })
    const one = await taken({ sessionId: key.sessionId, spec: reporting })
    const host = freshHost()
    for (let n = 0; n < 2; n++) expect((await say(one, 'report', running(host, { ports }))).status).toBe(204)
    expect((await readInstance(api.db, key))?.reported).toEqual({ ports })
    expect((await say(one, 'report', running(host, { ports: { ...ports, '8889': 20_003 } }))).status).toBe(409)
  })

  test('may be said by the instance itself, and then no others', async () => {
    const token = newReportToken()
    const key = await begun({ reportedPorts: range }, token)
    const one = await taken({ sessionId: key.sessionId, spec: reporting })
    expect((await api.call('POST', '/v1/instance-reports', { token, body: { ports }, key: null })).status).toBe(204)
    const host = freshHost()
    const others = { ports: { ...ports, '8889': 20_003 } }
    expect((await say(one, 'report', running(host, others))).status).toBe(409)
    expect((await rowOf(one))?.status).toBe('taken')
    expect((await say(one, 'report', running(host))).status).toBe(204)
  })

  test.each([
    ['the port of a database', { ports: { ...ports, '8889': 5_432 } }, '/ports/8889'],
    ['the same port twice', { ports: { '8888': 20_001, '8889': 20_001 } }, '/ports/8889'],
    ['one port of two', { ports: { '8888': 20_001 } }, '/ports/8889'],
    ['a certificate and no ports', { fingerprint: 'ab'.repeat(32) }, '/fingerprint'],
  ])('are not %s', async (_, more, pointer) => {
    const key = await begun({ reportedPorts: range })
    const one = await taken({ sessionId: key.sessionId, spec: reporting })
    const answer = await say(one, 'report', running(freshHost(), more))
    expect(answer.status).toBe(422)
    expect(answer.body.errors.map((fault) => fault.pointer)).toContain(pointer)
    expect((await readInstance(api.db, key))?.reported).toBeNull()
  })

  test('are not heard of what is to be no more', async () => {
    const key = await begun({ reportedPorts: range })
    const one = await taken({ sessionId: key.sessionId, spec: reporting })
    await tombstone(api.db, key, desks)
    expect((await say(one, 'report', running(freshHost(), { ports }))).body.code).toBe('gone')
  })
})
