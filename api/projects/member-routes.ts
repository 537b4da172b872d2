import { z } from '@hono/zod-openapi'
import { listMembers } from '../../db/project-members.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { etag, ifMatch } from '../versions.ts'
import { dropMember, readProject, setMember } from './commands.ts'
import { MemberDocument, MemberPut, presentMember, presentProject, ProjectDocument } from './schemas.ts'
import { projectOfPath } from './subject.ts'

const projectId = idOf('project')
const params = z.object({ projectId, accountId: idOf('account') })

const list = route(
  {
    operationId: 'listMembers',
    summary: 'List the members of a project',
    description: "The ETag is the project's: what `If-Match` of a change of its members speaks of.",
    tags: ['projects'],
    method: 'get',
    path: '/v1/projects/{projectId}/members',
    right: 'project:read',
    subject: projectOfPath,
    request: { params: z.object({ projectId }), query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(MemberDocument), 'A page of members') },
  },
  async (c) => {
    const id = c.req.valid('param').projectId
    const project = await readProject(c.var.services.db, id)
    const page = await listMembers(c.var.services.db, id, pageAsk('members', c.req.valid('query')))
    return c.json(answerPage('members', page, presentMember), 200, { etag: etag(project.version) })
  },
)

const put = route(
  {
    operationId: 'putMember',
    summary: 'Make an account a member, or change its role',
    tags: ['projects'],
    method: 'put',
    path: '/v1/projects/{projectId}/members/{accountId}',
    right: 'project:write',
    subject: projectOfPath,
    replaces: true,
    refusals: [409],
    request: { params, body: body(MemberPut) },
    responses: { 200: json(ProjectDocument, 'The project; its ETag is new') },
  },
  async (c) => {
    const { projectId: id, accountId } = c.req.valid('param')
    const member = { accountId, role: c.req.valid('json').role }
    const project = await setMember(c.var.services, deedOf(c), id, member, ifMatch(c))
    return c.json(presentProject(project), 200, { etag: etag(project.version) })
  },
)

const remove = route(
  {
    operationId: 'removeMember',
    summary: 'End a membership',
    tags: ['projects'],
    method: 'delete',
    path: '/v1/projects/{projectId}/members/{accountId}',
    right: 'project:write',
    subject: projectOfPath,
    refusals: [409],
    request: { params },
    responses: { 204: { description: 'It is no member any more' } },
  },
  async (c) => {
    const { projectId: id, accountId } = c.req.valid('param')
    await dropMember(c.var.services, deedOf(c), id, accountId)
    return c.body(null, 204)
  },
)

export const memberRoutes = [list, put, remove]
