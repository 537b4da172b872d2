import { randomUUID } from 'node:crypto'
import type { SessionId } from '../../domain/ids.ts'
import type { Ask, Person, TestApi } from './api.ts'

interface World {
  readonly owner: Person
  readonly templateId: string
  readonly projectId: string
}
type Request = () => Promise<{ path: string; ask?: Ask }> | { path: string; ask?: Ask }

const matches = { headers: { 'if-match': '*' } }

/** Requests about accounts, terms and who owns what, that nothing but rights would refuse; on fresh things where they use them up. */
export function accountRequests(api: () => TestApi, world: () => World): Readonly<Record<string, Request>> {
  const someone = async (): Promise<string> => `/v1/accounts/${(await api().person()).id}`
  const identity = () => ({ issuer: 'https://login.example.org', subject: randomUUID() })
  return {
    createAccount: () => ({ path: '/v1/accounts', ask: { body: { displayName: 'New' } } }),
    getAccount: () => ({ path: `/v1/accounts/${world().owner.id}` }),
    disableAccount: async () => ({ path: `${await someone()}/disable` }),
    enableAccount: async () => ({ path: `${await someone()}/enable` }),
    patchAccount: async () => ({ path: await someone(), ask: { body: { displayName: 'Other' }, ...matches } }),
    putAccountRoles: async () => ({
      path: `${await someone()}/roles`,
      ask: { body: { roles: ['member', 'operator'] }, ...matches },
    }),
    putAccountPosix: async () => ({ path: `${await someone()}/posix`, ask: { body: { posix: null }, ...matches } }),
    getIdentities: () => ({ path: `/v1/accounts/${world().owner.id}/identities` }),
    linkIdentity: async () => ({ path: `${await someone()}/identities/link`, ask: { body: identity() } }),
    unlinkIdentity: async () => {
      const { id } = await api().person()
      const body = identity()
      await api()
        .db.insertInto('identity')
        .values({ ...body, account_id: id })
        .execute()
      return { path: `/v1/accounts/${id}/identities/unlink`, ask: { body } }
    },
    // They ask nothing: whoever comes after would have to accept them.
    putTerms: () => ({ path: '/v1/terms', ask: { body: { title: 'None' }, ...matches } }),
    acceptTerms: async () => {
      const terms = await api().db.selectFrom('terms').select('version').orderBy('version', 'desc').executeTakeFirst()
      return { path: '/v1/terms/acceptance', ask: { body: { version: terms?.version ?? 1 } } }
    },
    transferSession: async () => {
      const { owner, templateId, projectId } = world()
      const heir = await api().person()
      const member = { project_id: projectId as never, account_id: heir.id, role: 'editor' as const }
      await api().db.insertInto('project_member').values(member).execute()
      const ask = { token: owner.token, body: { templateId, projectId }, headers: { prefer: 'respond-async' } }
      const id: SessionId = (await api().call('POST', '/v1/sessions', ask)).body.id
      await api().decide(id)
      await api().db.updateTable('session').set({ state: 'ready' }).where('id', '=', id).execute()
      return { path: `/v1/sessions/${id}/transfer`, ask: { body: { accountId: heir.id } } }
    },
  }
}
