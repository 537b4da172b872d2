import type { SessionId } from '../../domain/ids.ts'
import { accountRequests } from './account-requests.ts'
import { capability, notebook } from './api.ts'
import type { Ask, Person, TestApi } from './api.ts'
import { doorRequests } from './door-requests.ts'
import { experimentRequests } from './experiment-requests.ts'
import { provisionerRequests } from './handover.ts'
import { aHawkKey } from './hawk-keys.ts'
import { invitationRequests } from './invitation-requests.ts'
import { operatorRequests } from './operator-requests.ts'
import { allPausable } from './pausable.ts'
import { providerRequests } from './provider-requests.ts'
import { signInRequests } from './sign-in-requests.ts'
import { userOfficeRequests } from './user-office-requests.ts'

export interface PreparedRequest {
  readonly path: string
  readonly ask?: Ask
}

/** What requests are about: a session of `owner`, in a project that `lead` owns. */
export interface World {
  readonly owner: Person
  readonly lead: Person
  readonly projectId: string
  readonly templateId: string
  readonly sessionId: string
}

const soon = { headers: { prefer: 'respond-async' } }
const matches = { headers: { 'if-match': '*' } }

/** Of each operation, a request that nothing but rights would refuse, on fresh things where it uses them up. */
export function rightsRequests(
  api: TestApi,
  world: World,
): Readonly<Record<string, () => Promise<PreparedRequest> | PreparedRequest>> {
  const wish = () => ({ templateId: world.templateId, projectId: world.projectId })
  /** A session of the world's owner that may be asked to rest, or to go on. */
  const restable = async (state: 'ready' | 'paused'): Promise<SessionId> => {
    const made = await api.call('POST', '/v1/sessions', { token: world.owner.token, body: wish(), ...soon })
    const id: SessionId = made.body.id
    await api.db.updateTable('session').set({ state }).where('id', '=', id).execute()
    await allPausable(api.db)
    return id
  }
  return {
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
}
