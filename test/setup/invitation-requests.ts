import { randomUUID } from 'node:crypto'
import type { TestApi, Ask } from './api.ts'

interface World {
  readonly lead: { readonly token: string }
  readonly projectId: string
  readonly sessionId: string
}

/** Requests about invitations that nothing but rights would refuse, on fresh ones where they use them up. */
export function invitationRequests(api: () => TestApi, world: () => World) {
  const invitee = () => ({ email: `${randomUUID()}@site.example`, anyone: true })
  const ofProject = () => `/v1/projects/${world().projectId}/invitations`
  const ofSession = () => `/v1/sessions/${world().sessionId}/invitations`
  /** One that the project's owner wrote. */
  const written = async (path = ofProject()) => {
    const { token } = world().lead
    const made = await api().call('POST', path, { token, body: { ...invitee(), role: 'viewer' } })
    if (made.status !== 201) throw new Error(made.text)
    return { id: made.body.id, code: String(made.body['link']).split('#')[1] }
  }
  /** Into a project of its own: whoever accepts is to be no member of the others. */
  const by = async (path: string): Promise<{ path: string; ask: Ask }> => {
    const { token } = world().lead
    const project = await api().call('POST', '/v1/projects', { token, body: { name: 'Elsewhere' } })
    const { code } = await written(`/v1/projects/${project.body.id}/invitations`)
    return { path, ask: { body: { code }, key: null } }
  }
  return {
    createProjectInvitation: () => ({ path: ofProject(), ask: { body: { ...invitee(), role: 'viewer' } } }),
    listProjectInvitations: () => ({ path: ofProject() }),
    createSessionInvitation: () => ({ path: ofSession(), ask: { body: { ...invitee(), mode: 'view' } } }),
    listSessionInvitations: () => ({ path: ofSession() }),
    getInvitation: async () => ({ path: `/v1/invitations/${(await written()).id}` }),
    resendInvitation: async () => {
      const { id } = await written()
      await api().db.updateTable('invitation').set({ delivery: 'mail' }).where('id', '=', id).execute()
      return { path: `/v1/invitations/${id}/resend`, ask: { key: null } }
    },
    revokeInvitation: async () => ({ path: `/v1/invitations/${(await written()).id}/revoke`, ask: { key: null } }),
    viewInvitation: async () => await by('/v1/invitation-views'),
    acceptInvitation: async () => await by('/v1/invitation-acceptances'),
    declineInvitation: async () => await by('/v1/invitation-refusals'),
  }
}
