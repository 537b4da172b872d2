import { projectRole } from '../../db/projects.ts'
import { idPattern } from '../../domain/ids.ts'
import type { ProjectId } from '../../domain/ids.ts'
import type { Relation } from '../../domain/authorization.ts'
import type { RouteSubject } from '../access.ts'
import type { AppContext } from '../env.ts'

/** What the caller is to a project; `null` where there is none. */
export async function relationToProject(c: AppContext, id: string): Promise<Relation | null> {
  if (!idPattern.test(id)) return null
  const { exists, role } = await projectRole(c.var.services.db, id as ProjectId, c.var.principal.accountId)
  return exists ? { projectRole: role } : null
}

/** The project that the path names. */
export const projectOfPath: RouteSubject = {
  kind: 'project',
  param: 'projectId',
  relation: (c) => relationToProject(c, c.req.param('projectId') ?? ''),
}
