import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../../api/registry.ts'
import { newId } from '../../domain/ids.ts'
import type { ProjectId } from '../../domain/ids.ts'
import { notebook } from '../setup/api.ts'
import type { AnyId, Person } from '../setup/api.ts'
import { digestOf } from '../setup/digest.ts'
import { docker, freshId } from '../setup/provider-requests.ts'
import { startRightsWorld } from '../setup/rights-world.ts'
import type { RightsWorld } from '../setup/rights-world.ts'

/** What systems that Carrel stands in for let happen, one test each. */
let it: RightsWorld
beforeAll(async () => {
  it = await startRightsWorld()
})
afterAll(() => it.api.close())

const wait = { prefer: 'respond-async' }

async function addMember(projectId: AnyId, { id }: Person): Promise<void> {
  await it.api.db
    .insertInto('project_member')
    .values({ project_id: projectId, account_id: id, role: 'editor' })
    .execute()
}

test('running with somebody else’s experiment', async () => {
  const { api, world } = it
  const experimentId = newId('experiment')
  await api.db
    .insertInto('experiment')
    .values({ id: experimentId, project_id: world.projectId as ProjectId, name: 'Theirs' })
    .execute()
  const stranger = await api.person()
  const templateId = await api.template()
  const before = await digestOf(api.db)
  for (const body of [
    { templateId, experimentId },
    { templateId, experimentId, projectId: stranger.projectId },
    { templateId, experimentId, projectId: world.projectId },
  ]) {
    const answer = await api.call('POST', '/v1/sessions', { token: stranger.token, body, headers: wait })
    expect([403, 404, 422]).toContain(answer.status)
    expect(answer.text).not.toContain('Theirs')
  }
  expect(await digestOf(api.db)).toEqual(before)
})

test('a member who was removed keeps access', async () => {
  const { api, world } = it
  const [was, projectId] = [await api.person(), world.projectId as ProjectId]
  await addMember(projectId, was)
  const paths = [`/v1/projects/${projectId}`, `/v1/projects/${projectId}/members`, `/v1/sessions/${world.sessionId}`]
  const statuses = async () =>
    await Promise.all(paths.map(async (path) => (await api.call('GET', path, { token: was.token })).status))
  expect(await statuses()).toEqual([200, 200, 200])
  const removed = await api.call('DELETE', `/v1/projects/${projectId}/members/${was.id}`, { token: world.lead.token })
  expect(removed.status).toBeLessThan(300)
  expect(await statuses()).toEqual([404, 404, 404])
  for (const list of ['/v1/projects', '/v1/sessions', '/v1/events']) {
    const { text } = await api.call('GET', list, { token: was.token })
    expect([list, text.includes(world.sessionId) || text.includes(`"${projectId}"`)]).toEqual([list, false])
  }
  const body = { templateId: world.templateId, projectId }
  const start = await api.call('POST', '/v1/sessions', { token: was.token, body, headers: wait })
  expect(start.status).toBe(404)
})

describe('any user edits', () => {
  const matches = { 'if-match': '*' }
  const limits = { sessions: null, cpuMilli: null, memoryMib: null, diskMib: null, gpus: null }
  test.each([
    ['their quota', 'PUT', (who: Person) => `/v1/quotas/account/${who.id}`, { limits }],
    ['templates', 'PUT', () => `/v1/templates/${it.world.templateId}`, { spec: notebook }],
    ['what is offered', 'POST', () => '/v1/templates', { name: 'mine', spec: notebook }],
    ['who is an admin', 'PUT', (who: Person) => `/v1/accounts/${who.id}/roles`, { roles: ['member', 'admin'] }],
    ['their uid', 'PUT', (who: Person) => `/v1/accounts/${who.id}/posix`, { posix: null }],
    ['where sessions run', 'POST', () => '/v1/providers', docker(freshId())],
  ] as const)('%s', async (_, method, path, body) => {
    const who = await it.api.person()
    const before = await digestOf(it.api.db)
    const answer = await it.api.call(method, path(who), { token: who.token, body, headers: matches })
    expect([answer.status, answer.body.code]).toEqual([403, 'forbidden'])
    expect(await digestOf(it.api.db)).toEqual(before)
  })
})

/** Of every route that reads, the answer to each of these. */
async function everyRead(tokens: readonly string[]): Promise<string> {
  let all = ''
  for (const { operationId, method, path: pattern } of routes) {
    // It answers with where to go, and a code of its own.
    if (method !== 'GET' || ['beginSignIn', 'completeSignIn'].includes(operationId)) continue
    const { path, ask } = (await it.requests[operationId]?.()) ?? { path: pattern }
    for (const token of tokens) all += (await it.api.call('GET', path, { ...ask, token })).text
  }
  return all
}

test('credentials stand in listings', async () => {
  const { api, world } = it
  const admin = await api.person({ roles: ['admin'] })
  const provider = {
    ...docker(freshId()),
    secrets: { clientCertificate: pem('canary'), clientKey: pem('canary', 'PRIVATE KEY') },
  }
  const made = await api.call('POST', '/v1/providers', { token: admin.token, body: provider })
  expect([made.status, made.text.includes('canary')]).toEqual([201, false])
  const token = await api.call('POST', '/v1/tokens', {
    token: world.owner.token,
    body: { name: 'n', scopes: ['read'] },
  })
  expect(token.body.secret).toMatch(/^carrel_[A-Za-z0-9_-]{43}/)
  const invitation = await api.call('POST', `/v1/projects/${world.projectId}/invitations`, {
    token: world.lead.token,
    body: { email: 'guest@site.example', anyone: true, role: 'viewer' },
  })
  const code = String(invitation.body['link']).split('#')[1] ?? 'no code'
  const shown = await everyRead([admin.token, world.owner.token, world.lead.token])
  expect(shown).toContain(provider.id)
  expect(shown).toContain(invitation.body.id)
  expect(shown).not.toMatch(/carrel_[A-Za-z0-9_-]{43}/)
  for (const secret of ['canary', token.body.secret, code])
    expect([secret, shown.includes(secret)]).toEqual([secret, false])
})
const pem = (text: string, what = 'CERTIFICATE') => `-----BEGIN ${what}-----\n${text}`

test('everybody may read the directory of users', async () => {
  const { api, world } = it
  const [reader, peer, stranger] = [await api.person(), await api.person(), await api.person()]
  const project = await api.call('POST', '/v1/projects', { token: reader.token, body: { name: 'Ours' } })
  await addMember(project.body.id, peer)
  const list = async (query: string) =>
    (await api.call('GET', `/v1/accounts${query}`, { token: reader.token })).body.items.map(({ id }) => id)
  expect((await list('')).filter((id) => id !== reader.id)).toEqual([peer.id])
  expect(await list(`?search=${stranger.id}`)).toEqual([])
  for (const { id } of [stranger, world.owner])
    expect((await api.call('GET', `/v1/accounts/${id}`, { token: reader.token })).status).toBe(404)
  expect((await api.call('GET', '/v1/accounts')).status).toBe(401)
})
