import { z } from '@hono/zod-openapi'
import { listProjects, projectOrders, showProject } from '../../db/project-list.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf } from '../fields.ts'
import { allQuery, viewerFor } from '../operators.ts'
import { keyedAsk, keyedPage, pageOfItems, pageQuery } from '../paging.ts'
import { searchQuery } from '../experiments/schemas.ts'
import { notFound } from '../problem.ts'
import { route } from '../route.ts'
import { etag, ifMatch } from '../versions.ts'
import { addProject, changeProject } from './commands.ts'
import { presentListedProject, presentProject, ProjectCreate, ProjectDocument, ProjectPatch } from './schemas.ts'
import { projectOfPath } from './subject.ts'

const createProject = route(
  {
    operationId: 'createProject',
    summary: 'Make a project; you are its owner',
    tags: ['projects'],
    method: 'post',
    path: '/v1/projects',
    right: 'project:create',
    about: () => ({ kind: 'project', id: null }),
    creates: true,
    request: { body: body(ProjectCreate) },
    responses: { 201: json(ProjectDocument, 'The project') },
  },
  async (c) => {
    const { services, intent, principal } = c.var
    const asked = { ...c.req.valid('json'), ownerId: principal.accountId }
    const project = await addProject(services.db, deedOf(c), intent, asked)
    return c.json(presentProject(project), 201, {
      location: `/v1/projects/${project.id}`,
      etag: etag(project.version),
    })
  },
)

const listAll = route(
  {
    operationId: 'listProjects',
    summary: 'List your projects',
    description: 'Instrument and days are those of an experiment in it. Without `order` the newest come first.',
    tags: ['projects'],
    method: 'get',
    path: '/v1/projects',
    right: 'project:list',
    request: {
      query: z.strictObject({
        ...pageQuery,
        ...allQuery,
        ...searchQuery,
        order: z.enum(projectOrders).default('-created').openapi({ description: '`-` is descending' }),
      }),
    },
    responses: { 200: json(pageOfItems(ProjectDocument), 'A page of projects') },
  },
  async (c) => {
    const query = c.req.valid('query')
    const list = `projects ${query.order}`
    const page = await listProjects(c.var.services.db, {
      accountId: c.var.principal.accountId,
      own: viewerFor(c, query.all) !== null,
      order: query.order,
      filter: {
        words: query.search ?? [],
        instrument: query.instrument ?? null,
        favourite: query.favourite,
        from: query.from ?? null,
        to: query.to ?? null,
      },
      ...keyedAsk(list, query),
    })
    return c.json(keyedPage(list, page, presentListedProject), 200)
  },
)

const getOne = route(
  {
    operationId: 'getProject',
    summary: 'Read a project',
    tags: ['projects'],
    method: 'get',
    path: '/v1/projects/{projectId}',
    right: 'project:read',
    subject: projectOfPath,
    request: { params: z.object({ projectId: idOf('project') }) },
    responses: { 200: json(ProjectDocument, 'The project') },
  },
  async (c) => {
    const { services, principal } = c.var
    const project = await showProject(services.db, c.req.valid('param').projectId, principal.accountId)
    if (project === null) throw notFound('project')
    return c.json(presentListedProject(project), 200, { etag: etag(project.version) })
  },
)

const patch = route(
  {
    operationId: 'patchProject',
    summary: 'Change a project: its name, its description, with whom sessions may be shared',
    description: 'What is left out stays. Sharing that is narrowed ends at once what it allowed.',
    tags: ['projects'],
    method: 'patch',
    path: '/v1/projects/{projectId}',
    right: 'project:write',
    subject: projectOfPath,
    replaces: true,
    refusals: [409],
    request: { params: z.object({ projectId: idOf('project') }), body: body(ProjectPatch) },
    responses: { 200: json(ProjectDocument, 'The project; its ETag is new') },
  },
  async (c) => {
    const { services } = c.var
    const { name, description, sharing } = c.req.valid('json')
    const set = {
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
      ...(sharing === undefined ? {} : { sharing }),
    }
    const project = await changeProject(services, deedOf(c), c.req.valid('param').projectId, set, ifMatch(c))
    return c.json(presentProject(project), 200, { etag: etag(project.version) })
  },
)

export const projectRoutes = [createProject, listAll, getOne, patch]
