import { z } from '@hono/zod-openapi'
import { addFavourite, removeFavourite } from '../../db/favourites.ts'
import type { FavouriteKind } from '../../db/favourites.ts'
import { change } from '../changes.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { experimentOfPath } from '../experiments/subject.ts'
import { idOf } from '../fields.ts'
import { projectOfPath } from '../projects/subject.ts'
import { route } from '../route.ts'

const mark = async (c: AppContext, kind: FavouriteKind, id: string, isFavourite: boolean) => {
  const favourite = { accountId: c.var.principal.accountId, kind, subjectId: id }
  await change(c.var.services.db, deedOf(c), { kind, id }, async (trx) => {
    await (isFavourite ? addFavourite(trx, favourite) : removeFavourite(trx, favourite))
  })
  return c.body(null, 204)
}

const tags: ['projects'] = ['projects']
const right = 'favourite:write'
const description = 'A favourite is yours alone. Repeats change nothing.'

const ofProject = z.object({ projectId: idOf('project') })
const ofExperiment = z.object({ experimentId: idOf('experiment') })

const addProject = route(
  {
    tags,
    right,
    description,
    subject: projectOfPath,
    operationId: 'favourProject',
    summary: 'Make a project one of your favourites',
    method: 'post',
    path: '/v1/projects/{projectId}/favourite',
    request: { params: ofProject },
    responses: { 204: { description: 'It is' } },
  },
  (c) => mark(c, 'project', c.req.valid('param').projectId, true),
)

const removeProject = route(
  {
    tags,
    right,
    description,
    subject: projectOfPath,
    operationId: 'disfavourProject',
    summary: 'Take a project from your favourites',
    method: 'delete',
    path: '/v1/projects/{projectId}/favourite',
    request: { params: ofProject },
    responses: { 204: { description: 'It is none' } },
  },
  (c) => mark(c, 'project', c.req.valid('param').projectId, false),
)

const addExperiment = route(
  {
    tags,
    right,
    description,
    subject: experimentOfPath,
    operationId: 'favourExperiment',
    summary: 'Make an experiment one of your favourites',
    method: 'post',
    path: '/v1/experiments/{experimentId}/favourite',
    request: { params: ofExperiment },
    responses: { 204: { description: 'It is' } },
  },
  (c) => mark(c, 'experiment', c.req.valid('param').experimentId, true),
)

const removeExperiment = route(
  {
    tags,
    right,
    description,
    subject: experimentOfPath,
    operationId: 'disfavourExperiment',
    summary: 'Take an experiment from your favourites',
    method: 'delete',
    path: '/v1/experiments/{experimentId}/favourite',
    request: { params: ofExperiment },
    responses: { 204: { description: 'It is none' } },
  },
  (c) => mark(c, 'experiment', c.req.valid('param').experimentId, false),
)

export const favouriteRoutes = [addProject, removeProject, addExperiment, removeExperiment]
