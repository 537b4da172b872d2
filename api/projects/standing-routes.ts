import { z } from '@hono/zod-openapi'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf } from '../fields.ts'
import { route } from '../route.ts'
import { etag } from '../versions.ts'
import { archive, leave, transfer, unarchive } from './commands.ts'
import { presentProject, ProjectDocument, ProjectTransfer } from './schemas.ts'
import { projectOfPath } from './subject.ts'

const params = z.object({ projectId: idOf('project') })

const transferOne = route(
  {
    operationId: 'transferProject',
    summary: 'Give a project to another account',
    description: 'It becomes the only owner; whoever was one is an editor from then on.',
    tags: ['projects'],
    method: 'post',
    path: '/v1/projects/{projectId}/transfer',
    right: 'project:write',
    subject: projectOfPath,
    refusals: [409],
    request: { params, body: body(ProjectTransfer) },
    responses: { 200: json(ProjectDocument, 'The project') },
  },
  async (c) => {
    const id = c.req.valid('param').projectId
    const project = await transfer(c.var.services, deedOf(c), id, c.req.valid('json').accountId)
    return c.json(presentProject(project), 200, { etag: etag(project.version) })
  },
)

const leaveOne = route(
  {
    operationId: 'leaveProject',
    summary: 'Leave a project',
    description:
      'The last owner cannot: give it to somebody before. A membership that a catalogue says is ended there (409 `configured`).',
    tags: ['projects'],
    method: 'post',
    path: '/v1/projects/{projectId}/leave',
    right: 'project:leave',
    subject: projectOfPath,
    refusals: [409],
    request: { params },
    responses: { 204: { description: 'You are no member any more' } },
  },
  async (c) => {
    await leave(c.var.services, deedOf(c), c.req.valid('param').projectId, c.var.principal.accountId)
    return c.body(null, 204)
  },
)

const archiveOne = route(
  {
    operationId: 'archiveProject',
    summary: 'Put a project aside: its sessions end, and none begins in it',
    tags: ['projects'],
    method: 'post',
    path: '/v1/projects/{projectId}/archive',
    right: 'project:write',
    subject: projectOfPath,
    refusals: [409],
    request: { params },
    responses: { 200: json(ProjectDocument, 'The project') },
  },
  async (c) => {
    const project = await archive(c.var.services.db, deedOf(c), c.req.valid('param').projectId)
    return c.json(presentProject(project), 200, { etag: etag(project.version) })
  },
)

const unarchiveOne = route(
  {
    operationId: 'unarchiveProject',
    summary: 'Take a project up again',
    tags: ['projects'],
    method: 'post',
    path: '/v1/projects/{projectId}/unarchive',
    right: 'project:write',
    subject: projectOfPath,
    refusals: [409],
    request: { params },
    responses: { 200: json(ProjectDocument, 'The project') },
  },
  async (c) => {
    const project = await unarchive(c.var.services.db, deedOf(c), c.req.valid('param').projectId)
    return c.json(presentProject(project), 200, { etag: etag(project.version) })
  },
)

export const projectStandingRoutes = [transferOne, leaveOne, archiveOne, unarchiveOne]
