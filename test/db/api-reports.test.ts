import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashOf, newReportToken } from '../../db/door-secrets.ts'
import { toStopping } from '../../db/endings.ts'
import { beginInstance, readInstance, recordRemoved, tombstone } from '../../db/instances.ts'
import { claimEndpoints } from '../../db/reports.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import { notebook, startApi } from '../setup/api.ts'
import type { TestApi } from '../setup/api.ts'

let api: TestApi
let templates: { readonly open: string; readonly pinned: string; readonly shell: string }
const fake = 'fake' as ProviderId
const range = { from: 20_000, to: 20_999 }
const ports = { '8888': 20_001, '8889': 20_002 }
const fingerprint = 'ab'.repeat(32)

beforeAll(async () => {
  api = await startApi()
  const shell = { shell: { protocol: 'ssh', port: 2_222, modes: ['control'] } }
  templates = {
    open: await api.template({ reportedPorts: range }),
    pinned: await api.template({ reportedPorts: { ...range, tls: true } }),
    shell: await api.template({
      reportedPorts: range,
      doors: shell,
      readiness: { kind: 'tcp', port: 2_222 },
    }),
  }
})
afterAll(() => api.close())

/** An instance that is being made, and what it was given to report with. */
async function begun(templateId = templates.open): Promise<{ readonly key: SessionKey; readonly token: string }> {
  const { token } = await api.person()
  const made = await api.call('POST', '/v1/sessions', {
    token,
    body: { templateId },
    headers: { prefer: 'respond-async' },
  })
  await api.decide(made.body.id)
  const key = { sessionId: made.body.id, generation: 1 }
  const report = newReportToken()
  await beginInstance(api.db, key, fake, Buffer.from('s'), {
    report: { sealed: Buffer.from('t'), hash: hashOf(report) },
  })
  return { key, token: report }
}

const report = async (token: string | undefined, body: unknown = { ports }) =>
  await api.call('POST', '/v1/instance-reports', {
    ...(token === undefined ? {} : { token }),
    body: body as object,
    key: null,
  })
const reported = async (key: SessionKey) => (await readInstance(api.db, key))?.reported

test('an instance reports its ports, once; the same again is answered the same, and nothing else is heard', async () => {
  const { key, token } = await begun()
  expect((await report(token)).status).toBe(204)
  expect((await report(token, { ports: { '8889': 20_002, '8888': 20_001 } })).status).toBe(204)
  for (const other of [{ ports: { '8888': 20_001, '8889': 20_003 } }, { ports, fingerprint }]) {
    const answer = await report(token, other)
    expect([answer.status, answer.body.code]).toEqual([409, 'conflict'])
  }
  expect(await reported(key)).toEqual({ ports })
})

test('a fingerprint is kept in one spelling', async () => {
  const { key, token } = await begun(templates.pinned)
  const spelt = (fingerprint.toUpperCase().match(/../g) ?? []).join(':')
  expect((await report(token, { ports, fingerprint: spelt })).status).toBe(204)
  expect((await report(token, { ports, fingerprint })).status).toBe(204)
  expect(await reported(key)).toEqual({ ports, fingerprint })
})

test('of two that report at once, one thing stands, and whoever said another is told', async () => {
  const { key, token } = await begun()
  const bodies = Array.from({ length: 8 }, (_, i) => ({ ports: { '8888': 20_100 + (i % 2), '8889': 20_200 } }))
  const answers = await Promise.all(bodies.map(async (body) => await report(token, body)))
  const stands = await reported(key)
  expect(answers.map(({ status }) => status)).toEqual(
    bodies.map((body) => (JSON.stringify(body) === JSON.stringify(stands) ? 204 : 409)),
  )
})

test.each([
  ['a port that no door has', { ports: { ...ports, '22': 20_003 } }, '/ports/22'],
  ['one port of two', { ports: { '8888': 20_001 } }, '/ports/8889'],
  ['a port above the range', { ports: { ...ports, '8889': 21_000 } }, '/ports/8889'],
  ['the port of a database', { ports: { ...ports, '8889': 5_432 } }, '/ports/8889'],
  ['a port that needs rights', { ports: { ...ports, '8889': 443 } }, '/ports/8889'],
  ['the same port twice', { ports: { '8888': 20_001, '8889': 20_001 } }, '/ports/8889'],
  ['no port at all', { ports: { ...ports, '8889': 0 } }, '/ports/8889'],
  ['a port beyond all ports', { ports: { ...ports, '8889': 65_536 } }, '/ports/8889'],
  ['a host', { ports, host: '169.254.169.254' }, '/host'],
  ['a host in the place of a port', { ports: { ...ports, '8889': '169.254.169.254:80' } }, '/ports/8889'],
  ['half a fingerprint', { ports, fingerprint: 'ab' }, '/fingerprint'],
])('%s is refused, and nothing of it is kept', async (_, body, pointer) => {
  const { key, token } = await begun()
  const answer = await report(token, body)
  expect([answer.status, answer.body.code]).toEqual([422, 'invalid_request'])
  expect((answer.body.errors as { pointer: string }[]).map((fault) => fault.pointer)).toContain(pointer)
  expect(await reported(key)).toBeNull()
  // What was refused has not used it up.
  expect((await report(token)).status).toBe(204)
})

test('where others use the same machine a report without a certificate is refused', async () => {
  const { key, token } = await begun(templates.pinned)
  const answer = await report(token)
  expect([answer.status, answer.body.errors]).toMatchObject([422, [{ pointer: '/fingerprint' }]])
  expect(await reported(key)).toBeNull()
})

test('a shell is not reached by TLS, and nobody may say so', async () => {
  const { token } = await begun(templates.shell)
  const answer = await report(token, { ports: { '2222': 20_001 }, fingerprint })
  expect([answer.status, answer.body.errors]).toMatchObject([422, [{ pointer: '/fingerprint' }]])
  expect((await report(token, { ports: { '2222': 20_001 } })).status).toBe(204)
})

test('nobody is told why a token is none', async () => {
  const { token: ofPerson } = await api.person({ roles: ['admin'] })
  const answers = await Promise.all(
    [undefined, '', 'x', newReportToken(), `cr_${'%'.repeat(43)}`, ofPerson].map(async (token) => await report(token)),
  )
  for (const { status, body } of answers) expect([status, body.code]).toEqual([401, 'unauthenticated'])
  expect(new Set(answers.map(({ body }) => body.detail)).size).toBe(1)
  // It is so before anything of the body is looked at.
  expect((await report(newReportToken(), 'not json')).status).toBe(401)
})

test('a token opens nothing else', async () => {
  const { token } = await begun()
  expect((await api.call('GET', '/v1/whoami', { token })).status).toBe(401)
})

test('an instance that is to go, or has gone, reports nothing any more', async () => {
  const cases: ((key: SessionKey) => Promise<unknown>)[] = [
    async (key) => await tombstone(api.db, key, fake),
    async (key) => {
      await tombstone(api.db, key, fake)
      await recordRemoved(api.db, key)
    },
    async (key) => await toStopping(api.db, key, 'user'),
    async ({ sessionId }) =>
      await api.db
        .updateTable('session')
        .set({ stop_requested_at: new Date(), stop_reason: 'user' })
        .where('id', '=', sessionId)
        .execute(),
    async ({ sessionId }) =>
      await api.db.updateTable('session').set({ generation: 2 }).where('id', '=', sessionId).execute(),
  ]
  for (const happens of cases) {
    const { key, token } = await begun()
    await happens(key)
    const answer = await report(token)
    expect([answer.status, answer.body.code]).toEqual([410, 'gone'])
    expect(await reported(key)).toBeNull()
  }
})

test('an instance that reports and reports is told to wait', async () => {
  const { token } = await begun()
  const answers = []
  for (let n = 0; n < 21; n++) answers.push((await report(token)).status)
  expect(answers.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 204))
  expect(answers[20]).toBe(429)
  const other = await begun()
  expect((await report(other.token)).status).toBe(204)
})

test('what was reported, and what was refused, is in the audit without what it says', async () => {
  const { key, token } = await begun()
  await report(token)
  await report(token, { ports, fingerprint })
  await report(token, { ports: {} })
  const lines = await api.db
    .selectFrom('audit_event')
    .select(['account_id', 'client', 'outcome', 'code', 'detail'])
    .where('action', '=', 'reportInstance')
    .where('subject_id', '=', key.sessionId)
    .orderBy('id')
    .execute()
  const line = { account_id: null, client: 'instance', detail: { generation: 1 } }
  expect(lines).toEqual([
    { ...line, outcome: 'accepted', code: null },
    { ...line, outcome: 'refused', code: 'conflict' },
    { ...line, outcome: 'refused', code: 'invalid_request' },
  ])
  expect(api.logged.join('\n')).not.toContain(token)
})

test('one place belongs to one instance, until that is seen to be gone', async () => {
  const [first, second] = [await begun(), await begun()]
  const at = (host: string) => [{ port: 8_888, host, hostPort: 20_001 }]
  expect(await claimEndpoints(api.db, first.key, at('10.0.0.5'))).toBe('kept')
  expect(await claimEndpoints(api.db, first.key, at('10.0.0.5'))).toBe('kept')
  expect(await claimEndpoints(api.db, second.key, at('10.0.0.5'))).toBe('taken')
  expect((await readInstance(api.db, second.key))?.endpoints).toEqual([])
  expect(await claimEndpoints(api.db, second.key, at('10.0.0.6'))).toBe('kept')
  await tombstone(api.db, first.key, fake)
  const third = await begun()
  expect(await claimEndpoints(api.db, third.key, at('10.0.0.5'))).toBe('taken')
  await recordRemoved(api.db, first.key)
  expect(await claimEndpoints(api.db, third.key, at('10.0.0.5'))).toBe('kept')
})

test('of two that claim one place at once, one has it', async () => {
  const all = await Promise.all(Array.from({ length: 6 }, async () => await begun()))
  const endpoints = [{ port: 8_888, host: '10.0.1.1', hostPort: 20_001 }]
  const claims = await Promise.all(all.map(async ({ key }) => await claimEndpoints(api.db, key, endpoints)))
  expect(claims.filter((claim) => claim === 'kept')).toHaveLength(1)
})

test.each([
  [{ reportedPorts: { from: 80, to: 20_000 } }, '/spec/reportedPorts/from'],
  [{ reportedPorts: { from: 20_000, to: 70_000 } }, '/spec/reportedPorts/to'],
  [{ reportedPorts: { from: 20_000, to: 20_000 } }, '/spec/reportedPorts/to'],
  [{ reportedPorts: { from: 20_001, to: 20_000 } }, '/spec/reportedPorts/to'],
  [{ reportedPorts: { ...range, host: 'x' } }, '/spec/reportedPorts/host'],
  [
    {
      reportedPorts: { ...range, tls: true },
      doors: { ...notebook.doors, desktop: { protocol: 'rdp', port: 3_389, modes: ['control'] } },
    },
    '/spec/doors/desktop/protocol',
  ],
])('a template with %j is refused at %s', async (spec, pointer) => {
  const { token } = await api.person({ roles: ['admin'] })
  const body = { name: `t${Date.now()}`, spec: { ...notebook, ...spec } }
  const answer = await api.call('POST', '/v1/templates', { token, body })
  expect(answer.status).toBe(422)
  expect((answer.body.errors as { pointer: string }[]).map((fault) => fault.pointer)).toContain(pointer)
})
