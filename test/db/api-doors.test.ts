import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { doorHost } from '../../domain/doors.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { Person, TestApi } from '../setup/api.ts'
import { openTunnelOf } from '../setup/door-requests.ts'
import { createSharedSession, domain } from '../setup/door-api.ts'
import type { SharedSession } from '../setup/door-api.ts'
import { countStatements } from '../setup/statements.ts'

let scene: SharedSession
let api: TestApi
let owner: Person
let guest: Person
let id: SessionId
beforeAll(async () => {
  scene = await createSharedSession()
  ;({ api, owner } = scene)
})
afterAll(() => api.close())
beforeEach(async () => {
  guest = await api.person()
  await scene.setSharing('invited')
  await scene.renew()
  id = scene.id()
})

describe('opening a door through a gateway', () => {
  test('gives an address with a ticket where no server sees it, for half a minute, and keeps it out of everything', async () => {
    const answer = await scene.open(owner, { door: 'web', path: '/lab/tree?x=1' })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const life = Date.parse(answer.body.expiresAt) - Date.now()
    expect(life).toBeGreaterThan(15_000)
    expect(life).toBeLessThanOrEqual(31_000)
    const { address, path, redeemed, check, host } = await scene.follow(answer.body.url)
    expect(address.origin).toBe(`https://${id}-web.${domain}:8443`)
    expect(address.pathname + address.search).toBe('/.carrel/open')
    expect([path, host]).toEqual(['/lab/tree?x=1', doorHost(id, 'web', domain)])
    expect(redeemed).toMatchObject({ kind: 'pass', path: '/lab/tree?x=1' })
    expect(await check()).toBe('open')
    expect((await scene.follow(answer.body.url)).redeemed).toEqual({ kind: 'refused', code: 'ticket_used' })
    const ticket = new URLSearchParams(address.hash.slice(1)).get('ticket') ?? 'no ticket'
    expect(api.logged.join('\n')).not.toContain(ticket)
    expect(JSON.stringify(await scene.events())).not.toContain(ticket)
    const audit = await api.db.selectFrom('audit_event').selectAll().where('subject_id', '=', id).execute()
    expect(JSON.stringify(audit)).not.toContain(ticket)
    expect(audit.map((line) => line.action)).toEqual(expect.arrayContaining(['openConnection', 'enterDoor']))
  })

  test.each([
    [{ door: 'web' }, '/lab'],
    [{ door: 'web', mode: 'view' }, '/see'],
    [{ door: 'desktop' }, '/'],
    [{ door: 'files' }, '/'],
  ])('%o begins at %s, without the secret', async (body, path) => {
    expect((await scene.follow((await scene.open(owner, body)).body.url)).path).toBe(path)
  })

  test.each([
    [{ door: 'attic' }, 'door_unknown', '/door'],
    [{ door: 'files', mode: 'view' }, 'mode_unsupported', '/mode'],
    [{ door: 'web', path: '//evil.example' }, 'invalid_request', '/path'],
    [{ door: 'web', path: 'https://evil.example' }, 'invalid_request', '/path'],
    [{ door: 'web', path: '/.carrel/open' }, 'invalid_request', '/path'],
    [{ door: 'web', path: `/${'x'.repeat(2_000)}` }, 'invalid_request', '/path'],
    [{ door: 'desktop', path: '/lab' }, 'invalid_request', '/path'],
  ])('%o is %s at %s', async (body, code, pointer) => {
    const { status, body: problem } = await scene.open(owner, body)
    expect([status, problem.code, problem.errors[0]?.pointer]).toEqual([422, code, pointer])
  })

  test('is not possible before the session is ready, nor after it was asked to stop, nor where there is no gateway', async () => {
    expect(
      (await api.call('POST', `/v1/sessions/${id}/connections`, { token: owner.token, body: { door: 'web' } })).body
        .code,
    ).toBe('conflict')
    await scene.call('DELETE', `/v1/sessions/${id}`, owner)
    expect((await scene.open(owner)).body.code).toBe('forbidden')
    await api.db
      .updateTable('session')
      .set({ state: 'queued', stop_requested_at: null, stop_reason: null })
      .where('id', '=', id)
      .execute()
    expect((await scene.open(owner)).body.code).toBe('not_ready')
  })
})

const doorsOf = async (who: Person) => await scene.call('GET', `/v1/sessions/${id}/connections`, who)

describe('the doors of a session', () => {
  test('are shown without addresses and secrets, with what the caller may do', async () => {
    await scene.share(guest, 'view')
    const member = await api.person()
    await scene.addMember(member)
    const modes = (answer: Awaited<ReturnType<typeof doorsOf>>) =>
      Object.fromEntries(answer.body.items.map((door) => [door.name, door['modes']]))
    const mine = await doorsOf(owner)
    expect(mine.body['open']).toBe(true)
    expect(modes(mine)).toEqual({ web: ['control', 'view'], desktop: ['control', 'view'], files: ['control'] })
    expect(mine.body.items.find(({ name }) => name === 'desktop')).toEqual({
      name: 'desktop',
      protocol: 'vnc',
      modes: ['control', 'view'],
      clipboard: { copy: true, paste: false },
      files: null,
      recording: { retentionDays: 30 },
    })
    expect(mine.text).not.toMatch(/secret|10\.1\.2\.3|\b8888\b|sealed/)
    expect(modes(await doorsOf(guest))).toEqual({ web: ['view'], desktop: ['view'], files: [] })
    const seen = await doorsOf(member)
    expect([seen.body['open'], modes(seen)]).toEqual([false, { web: [], desktop: [], files: [] }])
    expect((await doorsOf(await api.person())).status).toBe(404)
  })
})

describe('what is open', () => {
  test('is shown to its owner and to operators, and is cut by them', async () => {
    const operator = await api.person({ roles: ['operator'] })
    const tunnel = await openTunnelOf(api, id, owner)
    const live = async (who: Person) => await scene.call('GET', `/v1/sessions/${id}/connections/live`, who)
    for (const who of [owner, operator])
      expect((await live(who)).body.items).toMatchObject([
        { id: tunnel, door: 'web', mode: 'control', kind: 'websocket', accountId: owner.id, ending: false },
      ])
    const cut = async (who: Person) => await scene.call('DELETE', `/v1/sessions/${id}/connections/live/${tunnel}`, who)
    expect([(await cut(operator)).status, (await cut(owner)).status]).toEqual([204, 204])
    expect((await live(owner)).body.items).toMatchObject([{ id: tunnel, ending: true }])
    expect(await scene.gateway.cutWishes([tunnel])).toEqual([tunnel])
    expect((await scene.events()).filter(([type]) => type === 'connection.cut')).toEqual([
      ['connection.cut', { tunnelId: tunnel, door: 'web', mode: 'control', accountId: owner.id, by: operator.id }],
    ])
    const audit = api.db.selectFrom('audit_event').select(['account_id', 'detail']).where('action', '=', 'cutTunnel')
    expect(await audit.where('subject_id', '=', id).orderBy('id').execute()).toEqual([
      { account_id: operator.id, detail: { tunnelId: tunnel } },
      { account_id: owner.id, detail: { tunnelId: tunnel } },
    ])
    expect((await scene.call('DELETE', `/v1/sessions/${id}/connections/live/n0nothing`, owner)).status).toBe(404)
  })
})

describe('a door that cannot be reached', () => {
  const degraded = async () => (await scene.call('GET', `/v1/sessions/${id}`, owner)).body['degraded']
  const report = async (door: string, outcome: 'ok' | 'unreachable') =>
    await scene.gateway.reportDoor(id, door, outcome)

  test('makes its session degraded, until the last of them answers again', async () => {
    await report('web', 'ok')
    expect(await degraded()).toBeNull()
    for (const door of ['web', 'web', 'desktop']) await report(door, 'unreachable')
    expect(await degraded()).toMatchObject({ reason: 'door_unreachable' })
    await report('web', 'ok')
    expect(await degraded()).toMatchObject({ reason: 'door_unreachable' })
    expect(await countStatements(async () => await report('web', 'ok'))).toBe(1)
    await report('desktop', 'ok')
    expect(await degraded()).toBeNull()
    expect((await scene.events()).slice(1)).toEqual([
      ['session.degraded', { reason: 'door_unreachable', door: 'web' }],
      ['session.repaired', { reason: 'door_unreachable', door: 'desktop' }],
    ])
  })

  test('is no news of a session that is not ready, or not any more', async () => {
    await report('web', 'unreachable')
    await api.db.updateTable('session').set({ state: 'stopping' }).where('id', '=', id).execute()
    await report('desktop', 'unreachable')
    expect(await degraded()).toBeNull()
    expect((await scene.events()).map(([type]) => type).slice(1)).toEqual(['session.degraded'])
  })
})

test('a project is changed in what is named, by whoever read it last', async () => {
  const path = `/v1/projects/${scene.projectId}`
  const read = await scene.call('GET', path, owner)
  const match = { 'if-match': read.headers.get('etag') ?? '' }
  const changed = await scene.call('PATCH', path, owner, { sharing: 'members', name: 'Anew' }, match)
  expect(changed.body).toMatchObject({ name: 'Anew', sharing: 'members', description: read.body['description'] })
  expect((await scene.call('PATCH', path, owner, { sharing: 'off' }, match)).status).toBe(412)
  expect((await scene.call('PATCH', path, owner, { sharing: 'everybody' }, match)).status).toBe(422)
  await api.db
    .updateTable('project')
    .set({ closed_at: new Date() })
    .where('id', '=', scene.projectId as never)
    .execute()
  expect((await scene.call('PATCH', path, owner, { sharing: 'off' }, { 'if-match': '*' })).body.code).toBe('conflict')
  await api.db
    .updateTable('project')
    .set({ closed_at: null })
    .where('id', '=', scene.projectId as never)
    .execute()
})
