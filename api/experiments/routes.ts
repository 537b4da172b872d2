import { z } from '@hono/zod-openapi'
import { listExperiments } from '../../db/experiment-list.ts'
import { defaultAccessRule } from '../../domain/experiment.ts'
import { isOperator } from '../../domain/authorization.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { idOf } from '../fields.ts'
import { viewerFor } from '../operators.ts'
import { keyedAsk, keyedPage, pageOfItems } from '../paging.ts'
import { route } from '../route.ts'
import { etag, ifMatch } from '../versions.ts'
import { addExperiment, changeExperiment, readExperiment } from './commands.ts'
import { ExperimentCreate, ExperimentDocument, ExperimentPatch, ExperimentQuery, presentExperiment } from './schemas.ts'
import { experimentOfPath } from './subject.ts'

const params = z.object({ experimentId: idOf('experiment') })

const presentation = (c: AppContext) => ({
  access: c.var.services.settings.access ?? defaultAccessRule,
  operator: isOperator(c.var.principal.actor),
})

const listAll = route(
  {
    operationId: 'listExperiments',
    summary: 'List the experiments whose data is for you',
    description: 'Those that were withdrawn are left out. Without `order` the latest come first.',
    tags: ['projects'],
    method: 'get',
    path: '/v1/experiments',
    right: 'experiment:list',
    request: { query: ExperimentQuery },
    responses: { 200: json(pageOfItems(ExperimentDocument), 'A page of experiments') },
  },
  async (c) => {
    const query = c.req.valid('query')
    const viewer = viewerFor(c, query.all)
    const list = `experiments ${query.order}`
    const page = await listExperiments(c.var.services.db, {
      accountId: c.var.principal.accountId,
      own: viewer !== null,
      order: query.order,
      filter: {
        words: query.search ?? [],
        instrument: query.instrument ?? null,
        projectId: query.project ?? null,
        favourite: query.favourite,
        from: query.from ?? null,
        to: query.to ?? null,
      },
      ...keyedAsk(list, query),
    })
    const how = presentation(c)
    return c.json(
      keyedPage(list, page, (experiment) => presentExperiment(experiment, how)),
      200,
    )
  },
)

const getOne = route(
  {
    operationId: 'getExperiment',
    summary: 'Read an experiment',
    tags: ['projects'],
    method: 'get',
    path: '/v1/experiments/{experimentId}',
    right: 'experiment:read',
    subject: experimentOfPath,
    request: { params },
    responses: { 200: json(ExperimentDocument, 'The experiment') },
  },
  async (c) => {
    const id = c.req.valid('param').experimentId
    const experiment = await readExperiment(c.var.services, id, c.var.principal.accountId)
    return c.json(presentExperiment(experiment, presentation(c)), 200, { etag: etag(experiment.version) })
  },
)

const create = route(
  {
    operationId: 'createExperiment',
    summary: 'Make an experiment of a project',
    description:
      'An admin says where its data lies and as whom its sessions run; paths lie below the data roots of the site, and uid and gid ' +
      'are those of people. What catalogues bring in needs none of this.',
    tags: ['projects'],
    method: 'post',
    path: '/v1/experiments',
    right: 'experiment:admin',
    about: () => ({ kind: 'experiment', id: null }),
    creates: true,
    request: { body: body(ExperimentCreate) },
    responses: { 201: json(ExperimentDocument, 'The experiment') },
  },
  async (c) => {
    const { services, intent, principal } = c.var
    const id = await addExperiment(services, deedOf(c), intent, c.req.valid('json'))
    const experiment = await readExperiment(services, id, principal.accountId)
    return c.json(presentExperiment(experiment, presentation(c)), 201, {
      location: `/v1/experiments/${id}`,
      etag: etag(experiment.version),
    })
  },
)

const patch = route(
  {
    operationId: 'patchExperiment',
    summary: 'Change an experiment',
    description:
      'What is left out stays. Its sessions end with its access window. One of a catalogue is changed there: 409 `configured`.',
    tags: ['projects'],
    method: 'patch',
    path: '/v1/experiments/{experimentId}',
    right: 'experiment:admin',
    subject: experimentOfPath,
    replaces: true,
    refusals: [409],
    request: { params, body: body(ExperimentPatch) },
    responses: { 200: json(ExperimentDocument, 'The experiment; its ETag is new') },
  },
  async (c) => {
    const { services, principal } = c.var
    const id = c.req.valid('param').experimentId
    await changeExperiment(services, deedOf(c), id, c.req.valid('json'), ifMatch(c))
    const experiment = await readExperiment(services, id, principal.accountId)
    return c.json(presentExperiment(experiment, presentation(c)), 200, { etag: etag(experiment.version) })
  },
)

export const experimentRoutes = [listAll, getOne, create, patch]
