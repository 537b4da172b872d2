import { z } from '@hono/zod-openapi'
import { listCollaborators } from '../../db/collaborators.ts'
import type { Collaborator } from '../../db/collaborators.ts'
import { doorModes } from '../../domain/template.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { id, idOf, iso, time } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { sessionOfPath } from '../sessions/subject.ts'
import { etag, ifMatch } from '../versions.ts'
import { shareSession, unshareSession, versionOf } from './commands.ts'

const sessionId = idOf('session')
const params = z.object({ sessionId, accountId: idOf('account') })

const CollaboratorPut = z
  .strictObject({ mode: z.enum(doorModes).openapi({ description: '`control` holds `view`' }) })
  .openapi('CollaboratorPut')

const CollaboratorDocument = z
  .object({
    accountId: id,
    displayName: z.string(),
    mode: z.enum(doorModes),
    addedAt: time,
    standing: z.boolean().openapi({ description: 'False while the template or the project does not allow it' }),
  })
  .openapi('Collaborator')

const present = (collaborator: Collaborator): z.infer<typeof CollaboratorDocument> => ({
  accountId: collaborator.accountId,
  displayName: collaborator.displayName,
  mode: collaborator.mode,
  addedAt: iso(collaborator.addedAt),
  standing: collaborator.isStanding,
})

const list = route(
  {
    operationId: 'listCollaborators',
    summary: 'List whom you let into your session',
    description: "The ETag is the session's: what `If-Match` of a change of its collaborators speaks of.",
    tags: ['sessions'],
    method: 'get',
    path: '/v1/sessions/{sessionId}/collaborators',
    right: 'session:guests',
    subject: sessionOfPath,
    request: { params: z.object({ sessionId }), query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(CollaboratorDocument), 'A page of collaborators') },
  },
  async (c) => {
    const { db } = c.var.services
    const session = c.req.valid('param').sessionId
    const version = await versionOf(db, session)
    const page = await listCollaborators(db, session, pageAsk('collaborators', c.req.valid('query')))
    return c.json(answerPage('collaborators', page, present), 200, { etag: etag(version) })
  },
)

const put = route(
  {
    operationId: 'putCollaborator',
    summary: 'Let an account into your session, or change its mode',
    description:
      'As far as the template and the project allow; where data of an experiment or a dataset is mounted, members of the ' +
      'project alone. Whoever was let in comes by an account of their own, sees the session as a member of its project ' +
      'does, and is refused from the moment this ends. Of an account that may only look from now on, what it has open ends.',
    tags: ['sessions'],
    method: 'put',
    path: '/v1/sessions/{sessionId}/collaborators/{accountId}',
    right: 'session:share',
    subject: sessionOfPath,
    replaces: true,
    refusals: [409],
    request: { params, body: body(CollaboratorPut) },
    responses: { 204: { description: 'It may enter; the ETag is new' } },
  },
  async (c) => {
    const { sessionId: session, accountId } = c.req.valid('param')
    const collaborator = { accountId, mode: c.req.valid('json').mode }
    const version = await shareSession(c.var.services.db, deedOf(c), session, collaborator, ifMatch(c))
    return c.body(null, 204, { etag: etag(version) })
  },
)

const remove = route(
  {
    operationId: 'removeCollaborator',
    summary: 'End it that an account may enter your session',
    description: 'What it has open is cut within seconds.',
    tags: ['sessions'],
    method: 'delete',
    path: '/v1/sessions/{sessionId}/collaborators/{accountId}',
    right: 'session:share',
    subject: sessionOfPath,
    request: { params },
    responses: { 204: { description: 'It may not enter any more' } },
  },
  async (c) => {
    const { sessionId: session, accountId } = c.req.valid('param')
    await unshareSession(c.var.services.db, deedOf(c), session, accountId)
    return c.body(null, 204)
  },
)

export const collaboratorRoutes = [list, put, remove]
