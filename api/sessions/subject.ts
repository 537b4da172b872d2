import { findSession, sessionRelation } from '../../db/session-queries.ts'
import type { FoundSession } from '../../db/session-queries.ts'
import { idPattern } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { Relation } from '../../domain/authorization.ts'
import type { RouteSubject } from '../access.ts'
import type { AppContext } from '../env.ts'
import { roleInExperiment } from '../experiments/subject.ts'
import { relationToProject } from '../projects/subject.ts'

/** What the caller is to the session that the path names. */
export async function relationToSession(c: AppContext): Promise<Relation | null> {
  const id = c.req.param('sessionId') ?? ''
  if (!idPattern.test(id)) return null
  return await sessionRelation(c.var.services.db, id as SessionId, c.var.principal.accountId)
}

/** For a route that goes on to show the session: it is read with the relation, as `c.var.session`. */
export const shownSession: RouteSubject = {
  kind: 'session',
  param: 'sessionId',
  relation: async (c) => {
    const known = c.get('session') as FoundSession | undefined
    if (known !== undefined) return known.relation
    const id = c.req.param('sessionId') ?? ''
    if (!idPattern.test(id)) return null
    const found = await findSession(c.var.services.db, id as SessionId, c.var.principal.accountId)
    if (found === null) return null
    c.set('session', found)
    return found.relation
  },
  bearer: async (c, secret) => {
    const { findBearer, findBearerAndSession } = c.var.services
    const id = c.req.param('sessionId') ?? ''
    if (!idPattern.test(id)) return await findBearer(secret)
    const both = await findBearerAndSession({ secret, id: id as SessionId })
    if (both === null) return null
    if (both.found !== null) c.set('session', both.found)
    return both.bearer
  },
}

export const sessionOfPath: RouteSubject = { kind: 'session', param: 'sessionId', relation: relationToSession }

/** The project that a wanted session would belong to: one's own personal one, where the body names none. */
export const projectOfBody: RouteSubject = {
  kind: 'project',
  relation: async (c) => {
    // Runs after validation: `projectId` is an id or absent.
    const { projectId, experimentId } = await c.req.json<{ projectId?: string; experimentId?: string }>()
    // One that is not for the caller is refused as one that is not there, by who plans the session.
    const role = experimentId === undefined ? null : await roleInExperiment(c, experimentId)
    if (role !== null && projectId === undefined) return { projectRole: role }
    return projectId === undefined ? { projectRole: 'owner' } : await relationToProject(c, projectId)
  },
}
