// oxlint-disable max-lines -- the matrix is read beside the requests that prove it
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../../api/registry.ts'
import type { SessionId } from '../../domain/ids.ts'
import { capability, notebook, startApi } from '../setup/api.ts'
import type { Ask, Person, TestApi } from '../setup/api.ts'
import { accountRequests } from '../setup/account-requests.ts'
import { doorRequests } from '../setup/door-requests.ts'
import { experimentRequests } from '../setup/experiment-requests.ts'
import { provisionerRequests } from '../setup/handover.ts'
import { aHawkKey } from '../setup/hawk-keys.ts'
import { invitationRequests } from '../setup/invitation-requests.ts'
import { operatorRequests } from '../setup/operator-requests.ts'
import { allPausable } from '../setup/pausable.ts'
import { providerRequests } from '../setup/provider-requests.ts'
import { plainSignIn, signInRequests } from '../setup/sign-in-requests.ts'
import { plainUserOffice, userOfficeRequests } from '../setup/user-office-requests.ts'

/**
 * Who asks. `owner` owns the session; it and `editor` are editors of the session's project, `lead` owns the project.
 * `reader` is the owner with a token that only reads; `portal` acts for the owner with everything a token can have;
 * `posing` acts for an admin.
 */
const personas = [
  'nobody',
  'stranger',
  'viewer',
  'editor',
  'owner',
  'reader',
  'portal',
  'lead',
  'operator',
  'posing',
  'admin',
] as const
type Persona = (typeof personas)[number]

/** `+` is let in, `-` is 403, `?` is 404 (may not know of it), `!` is 401. In the order of the personas. */
type Row = string
const open = '+ + + + + + + + + + +'
const nobodys = '! ! ! ! ! ! ! ! ! ! !'
const signedIn = '! + + + + + + + + + +'
const admins = '! - - - - - - - - - +'
const operators = '! - - - - - - - + - +'

/** What every operation answers to whom. An operation without a row, or a row without an operation, is a failure. */
const matrix: Readonly<Record<string, Row>> = {
  createSession: '! ? - + + - + + ? ? ?',
  previewSession: '! ? - + + + + + ? ? ?',
  listSessions: signedIn,
  getSession: '! ? + + + + + + + ? +',
  deleteSession: '! ? - - + - + + + ? +',
  stopSession: '! ? - - + - + + + ? +',
  pauseSession: '! ? - - + - + + + ? +',
  resumeSession: '! ? - - + - + + + ? +',
  transferSession: '! ? - - + - + - - ? +',
  openConnection: '! ? - - + - + - - ? -',
  getConnections: '! ? + + + + + + + ? +',
  listLiveTunnels: '! ? - - + + + - + ? +',
  cutTunnel: '! ? - - + - + - + ? +',
  listCollaborators: '! ? - - + + + - - ? -',
  putCollaborator: '! ? - - + - + - - ? -',
  removeCollaborator: '! ? - - + - + - - ? -',
  getSessionEvents: '! ? + + + + + + + ? +',
  getEvents: signedIn,
  createTemplate: admins,
  listTemplates: signedIn,
  getTemplate: signedIn,
  putTemplate: admins,
  deactivateTemplate: admins,
  createProject: '! + + + + - + + + + +',
  listProjects: signedIn,
  patchProject: '! ? - - - - - + ? ? +',
  getProject: '! ? + + + + + + + ? +',
  listMembers: '! ? + + + + + + + ? +',
  putMember: '! ? - - - - - + ? ? +',
  removeMember: '! ? - - - - - + ? ? +',
  createProjectInvitation: '! ? - + + - + + ? ? +',
  listProjectInvitations: '! ? - + + + + + ? ? +',
  createSessionInvitation: '! ? - - + - + - - ? -',
  listSessionInvitations: '! ? - - + + + - - ? -',
  listInvitations: signedIn,
  getInvitation: '! ? ? + + + + + + ? +',
  resendInvitation: '! ? ? - - - - + - ? +',
  revokeInvitation: '! ? ? - - - - + - ? +',
  viewInvitation: signedIn,
  acceptInvitation: '! + + + + - + + + + +',
  declineInvitation: '! + + + + - + + + + +',
  transferProject: '! ? - - - - - + ? ? +',
  archiveProject: '! ? - - - - - + ? ? +',
  unarchiveProject: '! ? - - - - - + ? ? +',
  leaveProject: '! ? + + + - + + ? ? ?',
  listExperiments: signedIn,
  getExperiment: '! ? + + + + + + + ? +',
  createExperiment: admins,
  patchExperiment: admins,
  favourProject: '! ? + + + - + + ? ? ?',
  disfavourProject: '! ? + + + - + + ? ? ?',
  favourExperiment: '! ? + + + - + + ? ? ?',
  disfavourExperiment: '! ? + + + - + + ? ? ?',
  getQuota: '! ? ? ? + + + ? + ? +',
  putQuota: admins,
  requestToken: open,
  beginDeviceAuthorization: open,
  getDeviceAuthorization: '! + + + + - - + + - +',
  approveDeviceAuthorization: '! + + + + - - + + - +',
  denyDeviceAuthorization: '! + + + + - - + + - +',
  createToken: '! + + + + - - + + - +',
  listTokens: '! + + + + - - + + - +',
  revokeToken: '! ? ? ? + - - ? ? - +',
  createHawkKey: '! + + + + - - + + - +',
  listHawkKeys: '! + + + + - - + + - +',
  revokeHawkKey: '! ? ? ? + - - ? ? - +',
  signInByPassword: open,
  signInByFederation: open,
  getSignInMethods: open,
  beginSignIn: open,
  completeSignIn: open,
  endSignInsByIssuer: open,
  signOut: '! + + + + - - + + - +',
  listBrowserSessions: '! + + + + - - + + - +',
  revokeBrowserSession: '! ? ? ? + - - ? ? - +',
  linkOwnIdentity: '! + + + + - - + + - +',
  createAccount: admins,
  listAccounts: signedIn,
  getAccount: '! ? + + + + + + ? ? +',
  // Only of a token that is bound to an issuer, which none of these is.
  vouchForAccount: '! - - - - - - - - - -',
  disableAccount: admins,
  enableAccount: admins,
  patchAccount: admins,
  putAccountRoles: admins,
  putAccountPosix: admins,
  eraseAccount: admins,
  getIdentities: '! ? ? ? + + - ? ? ? +',
  linkIdentity: admins,
  unlinkIdentity: admins,
  getTerms: signedIn,
  putTerms: admins,
  acceptTerms: '! + + + + - - + + - +',
  retrySession: operators,
  abandonSession: operators,
  listProviders: operators,
  getProvider: operators,
  drainProvider: operators,
  undrainProvider: operators,
  createProvider: admins,
  patchProvider: admins,
  disableProvider: admins,
  enableProvider: admins,
  checkProvider: operators,
  listProviderChecks: operators,
  getProviderCheck: operators,
  startReconciliation: operators,
  listReconciliations: operators,
  getReconciliation: operators,
  armReconciliation: operators,
  adoptInstance: operators,
  startCatalogueSync: operators,
  listCatalogueSyncs: operators,
  getCatalogueSync: operators,
  getMaintenance: operators,
  putMaintenance: operators,
  endMaintenance: operators,
  whoami: signedIn,
  getStatus: open,
  getHealth: open,
  getReadiness: open,
  getMetrics: '! - - - - - - - + - +',
  decodePayloads: open,
  // The owner is the provisioner.
  listHandovers: '! + + + + - - + + - +',
  getHandover: '! ? ? ? + - - ? ? - ?',
  takeHandover: '! ? ? ? + - - ? ? - ?',
  reportHandover: '! ? ? ? + - - ? ? - ?',
  failHandover: '! ? ? ? + - - ? ? - ?',
  endHandover: '! ? ? ? + - - ? ? - ?',
  releaseHandover: '! ? ? ? + - - ? ? - ?',
  // Only an instance has what it asks for.
  reportInstance: nobodys,
}

let api: TestApi
let people: Record<Persona, { token: string | null; headers: Record<string, string> }>
let world: { owner: Person; lead: Person; projectId: string; templateId: string; sessionId: string }

beforeAll(async () => {
  const others = { signIn: plainSignIn, userOffice: plainUserOffice }
  api = await startApi({ catalogues: [{ id: 'office', extent: 'person' }] }, others)
  const [stranger, viewer, editor, owner, lead] = [
    await api.person(),
    await api.person(),
    await api.person(),
    await api.person(),
    await api.person(),
  ]
  const operator = await api.person({ roles: ['operator'] })
  const admin = await api.person({ roles: ['admin'] })
  const portal = await api.person()
  const project = await api.call('POST', '/v1/projects', { token: lead.token, body: { name: 'Matrix' } })
  for (const [person, role] of [
    [viewer, 'viewer'],
    [editor, 'editor'],
    [owner, 'editor'],
  ] as const)
    await api.db
      .insertInto('project_member')
      .values({ project_id: project.body.id, account_id: person.id, role })
      .execute()
  await api.db.updateTable('project').set({ sharing: 'invited' }).where('id', '=', project.body.id).execute()
  const templateId = await api.template({ sharing: 'invited' })
  const session = await api.call('POST', '/v1/sessions', {
    token: owner.token,
    body: { templateId, projectId: project.body.id },
    headers: { prefer: 'respond-async' },
  })
  world = { owner, lead, projectId: project.body.id, templateId, sessionId: session.body.id }
  const plain = (token: string | null) => ({ token, headers: {} })
  const actingFor = (id: string) => ({ token: portal.token, headers: { 'carrel-on-behalf-of': id } })
  people = {
    nobody: plain(null),
    stranger: plain(stranger.token),
    viewer: plain(viewer.token),
    editor: plain(editor.token),
    owner: plain(owner.token),
    reader: plain(await api.token(owner.id, ['read'])),
    portal: actingFor(owner.id),
    lead: plain(lead.token),
    operator: plain(operator.token),
    posing: actingFor(admin.id),
    admin: plain(admin.token),
  }
})
afterAll(() => api.close())

const soon = { headers: { prefer: 'respond-async' } }

/** A session of the world's owner that may be asked to rest, or to go on. */
async function restable(state: 'ready' | 'paused'): Promise<SessionId> {
  const { templateId, projectId, owner } = world
  const made = await api.call('POST', '/v1/sessions', { token: owner.token, body: { templateId, projectId }, ...soon })
  const id: SessionId = made.body.id
  await api.db.updateTable('session').set({ state }).where('id', '=', id).execute()
  await allPausable(api.db)
  return id
}

const matches = { headers: { 'if-match': '*' } }

/** A request of the operation that nothing but rights would refuse, on fresh things where it uses them up. */
const requests: Readonly<Record<string, () => Promise<{ path: string; ask?: Ask }> | { path: string; ask?: Ask }>> = {
  createSession: () => ({ path: '/v1/sessions', ask: { body: wish(), headers: { prefer: 'respond-async' } } }),
  previewSession: () => ({ path: '/v1/session-previews', ask: { body: wish() } }),
  getSession: () => ({ path: `/v1/sessions/${world.sessionId}` }),
  deleteSession: () => ({ path: `/v1/sessions/${world.sessionId}` }),
  stopSession: () => ({ path: `/v1/sessions/${world.sessionId}/stop` }),
  pauseSession: async () => ({ path: `/v1/sessions/${await restable('ready')}/pause`, ask: soon }),
  resumeSession: async () => ({ path: `/v1/sessions/${await restable('paused')}/resume`, ask: soon }),
  openConnection: () => ({ path: `/v1/sessions/${world.sessionId}/connections`, ask: { body: { door: 'web' } } }),
  getSessionEvents: () => ({ path: `/v1/sessions/${world.sessionId}/events` }),
  createTemplate: () => ({ path: '/v1/templates', ask: { body: { name: `m${Date.now()}`, spec: notebook } } }),
  getTemplate: () => ({ path: `/v1/templates/${world.templateId}` }),
  putTemplate: () => ({ path: `/v1/templates/${world.templateId}`, ask: { body: { spec: notebook }, ...matches } }),
  deactivateTemplate: async () => ({ path: `/v1/templates/${await api.template()}/deactivate` }),
  createProject: () => ({ path: '/v1/projects', ask: { body: { name: 'New' } } }),
  patchProject: () => ({
    path: `/v1/projects/${world.projectId}`,
    ask: { body: { sharing: 'invited' }, ...matches },
  }),
  getProject: () => ({ path: `/v1/projects/${world.projectId}` }),
  listMembers: () => ({ path: `/v1/projects/${world.projectId}/members` }),
  putMember: async () => ({
    path: `/v1/projects/${world.projectId}/members/${(await api.person()).id}`,
    ask: { body: { role: 'viewer' }, ...matches },
  }),
  removeMember: async () => {
    const { id } = await api.person()
    const member = { project_id: world.projectId as never, account_id: id, role: 'viewer' as const }
    await api.db.insertInto('project_member').values(member).execute()
    return { path: `/v1/projects/${world.projectId}/members/${id}` }
  },
  getQuota: () => ({ path: `/v1/quotas/account/${world.owner.id}` }),
  putQuota: () => ({
    path: `/v1/quotas/account/${world.owner.id}`,
    ask: {
      body: { limits: { sessions: null, cpuMilli: null, memoryMib: null, diskMib: null, gpus: null } },
      ...matches,
    },
  }),
  createToken: () => ({ path: '/v1/tokens', ask: { body: { name: 'n', scopes: ['read'] } } }),
  createHawkKey: () => ({ path: '/v1/hawk-keys', ask: { body: { name: 'n', scopes: ['read'] } } }),
  revokeHawkKey: async () => ({ path: `/v1/hawk-keys/${await aHawkKey(api.db, world.owner)}` }),
  revokeToken: async () => {
    await api.token(world.owner.id)
    const row = await api.db
      .selectFrom('token')
      .select('id')
      .where('account_id', '=', world.owner.id)
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow()
    return { path: `/v1/tokens/${row.id}` }
  },
  ...accountRequests(
    () => api,
    () => world,
  ),
  ...doorRequests(
    () => api,
    () => world,
  ),
  ...operatorRequests(
    () => api,
    () => world,
  ),
  ...experimentRequests(
    () => api,
    () => world,
  ),
  ...userOfficeRequests,
  ...signInRequests(
    () => api,
    () => world.owner,
  ),
  ...providerRequests(
    () => api,
    () => world.owner,
  ),
  listHandovers: () => ({ path: '/v1/provisioner/instances' }),
  ...provisionerRequests(
    () => api,
    () => world.owner.id,
  ),
  ...invitationRequests(
    () => api,
    () => world,
  ),
  reportInstance: () => ({ path: '/v1/instance-reports', ask: { body: { ports: { '8888': 20_001 } } } }),
  decodePayloads: () => ({ path: `/v1/admin/codec/${capability}/decode`, ask: { body: { payloads: [] } } }),
}

/** Accepted where there is a gateway, or of a browser that is signed in. */
const otherwiseAccepted = ['openConnection', 'signOut', 'linkOwnIdentity']
const wish = () => ({ templateId: world.templateId, projectId: world.projectId })
const marks: Readonly<Record<string, number>> = { '-': 403, '?': 404, '!': 401 }

test('the matrix has a row for every operation, and no other', () => {
  expect(Object.keys(matrix).sort()).toEqual(routes.map((route) => route.operationId).sort())
})

describe.each(routes)('$operationId', (route) => {
  const expected = (matrix[route.operationId] ?? '').split(' ')
  test.each(personas.map((persona, i) => [persona, expected[i] ?? 'no row'] as const))(
    '%s: %s',
    async (persona, mark) => {
      const { token, headers } = people[persona]
      const { path, ask = {} } = (await requests[route.operationId]?.()) ?? { path: route.path }
      const answer = await api.call(route.method, path, {
        ...ask,
        ...(token === null ? {} : { token }),
        headers: { ...ask.headers, ...headers },
      })
      const refusal = marks[mark]
      if (refusal === undefined) {
        expect(mark).toBe('+')
        expect([401, 403, 404]).not.toContain(answer.status)
        expect(answer.status).toBeLessThan(500)
        expect([400, 415, 422, 428]).not.toContain(answer.status)
        return
      }
      expect(answer.status).toBe(refusal)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
    },
  )
})

describe.each(routes.filter((r) => r.subject?.param !== undefined))('$operationId of what is not there', (route) => {
  test.each(['x00000000000000', 'not-an-id', '%00'])('%s is 404 to an admin', async (id) => {
    const made = await requests[route.operationId]?.()
    const path = route.path
      .replace(`{${route.subject?.param}}`, id)
      .replace('{kind}', 'project')
      .replace('{accountId}', world.owner.id)
    const { token } = people.admin
    const answer = await api.call(route.method, path, { ...made?.ask, ...(token === null ? {} : { token }) })
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
  })
})

test('every accepted and refused change is in the audit, and who looked at what is not theirs', async () => {
  const rows = await api.db.selectFrom('audit_event').select(['action', 'outcome', 'subject_kind']).execute()
  const seen = new Set(rows.map((row) => `${row.action} ${row.outcome}`))
  const changes = routes.filter(
    (r) =>
      r.method !== 'GET' &&
      !['decodePayloads', 'previewSession', 'viewInvitation', 'beginDeviceAuthorization'].includes(r.operationId),
  )
  const missing = changes.flatMap(({ operationId }) => {
    const row = matrix[operationId] ?? ''
    const wanted = [
      ...(row.includes('+') && !otherwiseAccepted.includes(operationId) ? ['accepted'] : []),
      ...(/[-?]/.test(row) ? ['refused'] : []),
    ]
    return wanted.map((outcome) => `${operationId} ${outcome}`).filter((entry) => !seen.has(entry))
  })
  expect(missing).toEqual([])
  for (const look of [
    'getSession',
    'getSessionEvents',
    'getConnections',
    'listLiveTunnels',
    'getProject',
    'listMembers',
    'getQuota',
    'getAccount',
    'listAccounts',
    ...routes.filter((r) => r.right === 'operate:read').map((r) => r.operationId),
  ])
    expect(seen).toContain(`${look} accepted`)
  // What scrapes every few seconds reads figures alone.
  expect(seen).not.toContain('getMetrics accepted')
  const ofNothing = rows.filter((row) => row.subject_kind === 'list').map((row) => row.action)
  expect(ofNothing.filter((action) => !/^list[A-Z]|^getEvents$/.test(action))).toEqual([])
})

test('an owner looks at what is theirs without a line in the audit', async () => {
  const person = await api.person()
  await api.call('GET', `/v1/quotas/account/${person.id}`, { token: person.token })
  await api.call('GET', `/v1/projects/${person.projectId}`, { token: person.token })
  expect(await api.db.selectFrom('audit_event').select('id').where('account_id', '=', person.id).execute()).toEqual([])
})

test('a disabled account, a foreign scheme and a made-up token are nobody', async () => {
  const person = await api.person()
  await api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', person.id).execute()
  expect((await api.call('GET', '/v1/whoami', { token: person.token })).status).toBe(401)
  expect((await api.call('GET', '/v1/whoami', { headers: { authorization: `Basic ${person.token}` } })).status).toBe(
    401,
  )
  expect((await api.call('GET', '/v1/whoami', { token: `carrel_${'x'.repeat(43)}` })).status).toBe(401)
  expect((await api.call('GET', '/v1/whoami', { headers: { cookie: `token=${people.owner.token}` } })).status).toBe(401)
})

test('what hides a session is the same as what is not there', async () => {
  const { token } = people.stranger
  const ask = { ...(token === null ? {} : { token }), headers: { 'x-request-id': 'same-request' } }
  const hidden = await api.call('GET', `/v1/sessions/${world.sessionId}`, ask)
  const absent = await api.call('GET', `/v1/sessions/${'s00000000000000' as SessionId}`, ask)
  expect(hidden.body).toEqual(absent.body)
})
