// oxlint-disable max-lines -- one row per operation: the matrix is read as one table
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../../api/registry.ts'
import type { SessionId } from '../../domain/ids.ts'
import { isGuest, personas, startRightsWorld } from '../setup/rights-world.ts'
import type { RightsWorld } from '../setup/rights-world.ts'

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
  approveDeviceAuthorization: '! - - - - - - - - - -',
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
  linkOwnIdentity: '! - - - - - - - - - -',
  linkOwnIdentityByPassword: '! - - - - - - - - - -',
  linkOwnIdentityByFederation: '! - - - - - - - - - -',
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
/** What the guests of a session get, to view and to control, where it is another answer than a stranger's. */
const guests: Readonly<Record<string, Row>> = {
  getSession: '+ +',
  getConnections: '+ +',
  getSessionEvents: '+ +',
  openConnection: '+ +',
  deleteSession: '- -',
  stopSession: '- -',
  pauseSession: '- -',
  resumeSession: '- -',
  transferSession: '- -',
  listLiveTunnels: '- -',
  cutTunnel: '- -',
  listCollaborators: '- -',
  putCollaborator: '- -',
  removeCollaborator: '- -',
  createSessionInvitation: '- -',
  listSessionInvitations: '- -',
}

/** The whole row of an operation, in the order of the personas. */
function rowOf(operationId: string): string[] {
  const known = (matrix[operationId] ?? '').split(' ')
  const stranger = known[1] ?? 'no row'
  return [...known, ...(guests[operationId]?.split(' ') ?? [stranger, stranger])]
}

let it: RightsWorld

beforeAll(async () => {
  it = await startRightsWorld()
})
afterAll(() => it.api.close())

/** Accepted where there is a gateway, or of a browser that is signed in. */
const otherwiseAccepted = ['openConnection', 'signOut', 'signInByPassword', 'signInByFederation']
const marks: Readonly<Record<string, number>> = { '-': 403, '?': 404, '!': 401 }

test('the matrix has a row for every operation, and no other', () => {
  expect(Object.keys(matrix).sort()).toEqual(routes.map((route) => route.operationId).sort())
})

describe.each(routes)('$operationId', (route) => {
  const expected = rowOf(route.operationId)
  test.each(personas.map((persona, i) => [persona, expected[i] ?? 'no row'] as const))(
    '%s: %s',
    async (persona, mark) => {
      const { token, headers } = it.people[persona]
      const { path, ask = {} } = (await it.requests[route.operationId]?.()) ?? { path: route.path }
      if (isGuest(persona) && route.path.includes('{sessionId}')) await it.letGuestsIn()
      const answer = await it.api.call(route.method, path, {
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
    const made = await it.requests[route.operationId]?.()
    const path = route.path
      .replace(`{${route.subject?.param}}`, id)
      .replace('{kind}', 'project')
      .replace('{accountId}', it.world.owner.id)
    const { token } = it.people.admin
    const answer = await it.api.call(route.method, path, { ...made?.ask, ...(token === null ? {} : { token }) })
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
  })
})

test('every accepted and refused change is in the audit, and who looked at what is not theirs', async () => {
  const rows = await it.api.db.selectFrom('audit_event').select(['action', 'outcome', 'subject_kind']).execute()
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
  const person = await it.api.person()
  await it.api.call('GET', `/v1/quotas/account/${person.id}`, { token: person.token })
  await it.api.call('GET', `/v1/projects/${person.projectId}`, { token: person.token })
  expect(await it.api.db.selectFrom('audit_event').select('id').where('account_id', '=', person.id).execute()).toEqual(
    [],
  )
})

test('a disabled account, a foreign scheme and a made-up token are nobody', async () => {
  const person = await it.api.person()
  await it.api.db.updateTable('account').set({ disabled_at: new Date() }).where('id', '=', person.id).execute()
  expect((await it.api.call('GET', '/v1/whoami', { token: person.token })).status).toBe(401)
  expect((await it.api.call('GET', '/v1/whoami', { headers: { authorization: `Basic ${person.token}` } })).status).toBe(
    401,
  )
  expect((await it.api.call('GET', '/v1/whoami', { token: `carrel_${'x'.repeat(43)}` })).status).toBe(401)
  expect(
    (await it.api.call('GET', '/v1/whoami', { headers: { cookie: `token=${it.people.owner.token}` } })).status,
  ).toBe(401)
})

test('what hides a session is the same as what is not there', async () => {
  const { token } = it.people.stranger
  const ask = { ...(token === null ? {} : { token }), headers: { 'x-request-id': 'same-request' } }
  const hidden = await it.api.call('GET', `/v1/sessions/${it.world.sessionId}`, ask)
  const absent = await it.api.call('GET', `/v1/sessions/${'s00000000000000' as SessionId}`, ask)
  expect(hidden.body).toEqual(absent.body)
})
