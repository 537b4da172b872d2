import { roleInExperimentOf } from '../../db/experiments.ts'
import type { ExperimentId } from '../../domain/ids.ts'
import { idPattern } from '../../domain/ids.ts'
import type { ProjectRole, Relation } from '../../domain/authorization.ts'
import type { RouteSubject } from '../access.ts'
import type { AppContext } from '../env.ts'

/** What the caller is to the experiment's project, as far as its data is for the caller; `null`: it is not, or is not there. */
export async function roleInExperiment(c: AppContext, id: string): Promise<ProjectRole | null> {
  return (await roleInExperimentOf(c.var.services.db, id as ExperimentId, c.var.principal.accountId)).role
}

/** The experiment that the path names. */
export const experimentOfPath: RouteSubject = {
  kind: 'experiment',
  param: 'experimentId',
  relation: async (c): Promise<Relation | null> => {
    const id = c.req.param('experimentId') ?? ''
    if (!idPattern.test(id)) return null
    const { exists, role } = await roleInExperimentOf(c.var.services.db, id as ExperimentId, c.var.principal.accountId)
    return exists ? { projectRole: role } : null
  },
}
