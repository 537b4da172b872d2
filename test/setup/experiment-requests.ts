import { newId } from '../../domain/ids.ts'
import type { ExperimentId, ProjectId } from '../../domain/ids.ts'
import type { Ask, TestApi } from './api.ts'

/** Requests about projects' standing, experiments and favourites that nothing but rights would refuse. */
export function experimentRequests(api: () => TestApi, world: () => { readonly projectId: string }) {
  const projectId = () => world().projectId as ProjectId
  let experiment: ExperimentId | null = null

  /** A project with the same members as the world's, which a request may use up. */
  const alike = async (): Promise<string> => {
    const id = newId('project')
    const { db } = api()
    await db.insertInto('project').values({ id, name: 'Alike', personal_of: null }).execute()
    const members = await db.selectFrom('project_member').selectAll().where('project_id', '=', projectId()).execute()
    await db
      .insertInto('project_member')
      .values(members.map(({ account_id, role }) => ({ project_id: id, account_id, role })))
      .execute()
    return id
  }
  const ours = async (): Promise<string> => {
    if (experiment !== null) return experiment
    experiment = newId('experiment')
    const row = { id: experiment, project_id: projectId(), name: 'Visit 1', instrument: 'ID01' }
    await api().db.insertInto('experiment').values(row).execute()
    return experiment
  }
  const matches: Ask = { headers: { 'if-match': '*' } }
  return {
    transferProject: async () => ({
      path: `/v1/projects/${await alike()}/transfer`,
      ask: { body: { accountId: (await api().person()).id } },
    }),
    leaveProject: async () => ({ path: `/v1/projects/${await alike()}/leave` }),
    archiveProject: async () => ({ path: `/v1/projects/${await alike()}/archive` }),
    unarchiveProject: async () => ({ path: `/v1/projects/${await alike()}/unarchive` }),
    listExperiments: () => ({ path: '/v1/experiments' }),
    getExperiment: async () => ({ path: `/v1/experiments/${await ours()}` }),
    createExperiment: () => ({ path: '/v1/experiments', ask: { body: { projectId: projectId(), name: 'Visit 2' } } }),
    patchExperiment: async () => ({
      path: `/v1/experiments/${await ours()}`,
      ask: { ...matches, body: { instrument: 'ID02' } },
    }),
    startCatalogueSync: () => ({
      path: '/v1/admin/catalogue-syncs',
      ask: { body: { source: 'office', reason: 'A test.' } },
    }),
    listCatalogueSyncs: () => ({ path: '/v1/admin/catalogue-syncs' }),
    getCatalogueSync: async () => {
      const id = newId('sync')
      await api().db.insertInto('catalogue_sync').values({ id, source: 'office' }).execute()
      return { path: `/v1/admin/catalogue-syncs/${id}` }
    },
    favourProject: () => ({ path: `/v1/projects/${projectId()}/favourite` }),
    disfavourProject: () => ({ path: `/v1/projects/${projectId()}/favourite` }),
    favourExperiment: async () => ({ path: `/v1/experiments/${await ours()}/favourite` }),
    disfavourExperiment: async () => ({ path: `/v1/experiments/${await ours()}/favourite` }),
  }
}
