import { z } from '@hono/zod-openapi'
import type { SessionId } from '../../domain/ids.ts'
import { isEnd, sessionStates } from '../../domain/lifecycle.ts'
import { isOperator } from '../../domain/authorization.ts'
import { body, json, written } from '../answers.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { flag, idOf, moment } from '../fields.ts'
import { allQuery, viewerFor } from '../operators.ts'
import { pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { requestSession, stopReason, stopSession } from './commands.ts'
import { answerDecision, showSession } from './decided.ts'
import { SessionCreate, SessionDocument } from './schemas.ts'
import { projectOfBody, shownSession } from './subject.ts'
import { sessionsText, sessionText } from './text.ts'

const params = z.object({ sessionId: idOf('session') })

/** Ten years. */
const longestAgeSeconds = 315_360_000

const states = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(sessionStates)).max(sessionStates.length))
  .optional()
  .openapi({ type: 'string', description: 'One state or several, with commas', example: 'queued,ready' })

const SessionQuery = z.strictObject({
  ...pageQuery,
  ...allQuery,
  state: states,
  ended: flag.openapi({ description: 'Also those that ended or were rejected' }),
  project: idOf('project').optional(),
  experiment: idOf('experiment').optional(),
  template: idOf('template').optional(),
  owner: idOf('account').optional(),
  provider: idOf('provider').optional(),
  olderThanSeconds: z.coerce
    .number()
    .int()
    .min(0)
    .max(longestAgeSeconds)
    .optional()
    .openapi({ type: 'integer', minimum: 0, description: 'In their state for longer than this' }),
  overdue: flag.openapi({ description: 'Only those whose cleanup takes longer than its limit' }),
  requestedAfter: moment.optional(),
  requestedBefore: moment.optional(),
})

const createSession = route(
  {
    operationId: 'createSession',
    summary: 'Start a session',
    description:
      'Waits for the decision as long as `Prefer: wait=N` says (seconds, 2 when left out, at most 60; `respond-async` is 0). ' +
      'What is undecided then is 202: follow its events. During maintenance it is 503 `maintenance`, with `until` and ' +
      '`Retry-After`. A repeat with the same `Idempotency-Key` waits in the same way and ' +
      'answers what is decided; after a refusal a new try needs a new key.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions',
    right: 'session:create',
    subject: projectOfBody,
    creates: true,
    refusals: [403, 404, 409],
    request: { body: body(SessionCreate) },
    responses: {
      201: json(SessionDocument, 'It is admitted'),
      202: json(SessionDocument, 'It is not decided yet'),
    },
  },
  async (c) => {
    const { services, intent, principal } = c.var
    const requested = await requestSession(services, deedOf(c), intent, principal, c.req.valid('json'))
    return await answerDecision(c, requested)
  },
)

const listAll = route(
  {
    operationId: 'listSessions',
    summary: "List your sessions and your projects', the newest first",
    description: 'Those that ended or were rejected are left out, unless `ended` or `state` asks for them.',
    tags: ['sessions'],
    method: 'get',
    path: '/v1/sessions',
    right: 'session:list',
    request: { query: SessionQuery },
    responses: { 200: json(pageOfItems(SessionDocument), 'A page of sessions') },
  },
  async (c) => {
    const query = c.req.valid('query')
    const viewer = viewerFor(c, query.all)
    const filter = {
      states: query.state ?? null,
      ended: query.ended,
      projectId: query.project ?? null,
      experimentId: query.experiment ?? null,
      templateId: query.template ?? null,
      ownerId: query.owner ?? null,
      providerId: query.provider ?? null,
      olderThanSeconds: query.olderThanSeconds ?? null,
      overdue: query.overdue,
      requestedAfter: query.requestedAfter ?? null,
      requestedBefore: query.requestedBefore ?? null,
    }
    const page = await c.var.services.listSessions({ viewer, filter, ...pageAsk('sessions', query) })
    const operator = isOperator(c.var.principal.actor)
    return written(c, sessionsText(page, operator))
  },
)

const getOne = route(
  {
    operationId: 'getSession',
    summary: 'Read a session',
    tags: ['sessions'],
    method: 'get',
    path: '/v1/sessions/{sessionId}',
    right: 'session:read',
    subject: shownSession,
    request: { params },
    responses: { 200: json(SessionDocument, 'The session') },
  },
  async (c) => {
    const { session } = c.var.session
    if (session.state === 'queued') return c.json(await showSession(c, session), 200)
    return written(c, sessionText(session, isOperator(c.var.principal.actor)))
  },
)

const stopAnswers = {
  202: json(SessionDocument, 'It is asked to stop; its doors are closed from now on'),
  200: json(SessionDocument, 'It has ended already'),
}

async function stop(c: AppContext, id: SessionId) {
  const { services, principal } = c.var
  const { session: before, relation } = c.var.session
  const reason = stopReason(principal.actor, relation, before)
  const session = await stopSession(services.db, deedOf(c), id, reason)
  const document = await showSession(c, session)
  return isEnd(session.state) ? c.json(document, 200) : c.json(document, 202)
}

const stopByDelete = route(
  {
    operationId: 'deleteSession',
    summary: 'Stop a session',
    description: 'The same as `POST …/stop`. Legal in every state; repeats change nothing.',
    tags: ['sessions'],
    method: 'delete',
    path: '/v1/sessions/{sessionId}',
    right: 'session:stop',
    subject: shownSession,
    request: { params },
    responses: stopAnswers,
  },
  (c) => stop(c, c.req.valid('param').sessionId),
)

const stopByPost = route(
  {
    operationId: 'stopSession',
    summary: 'Stop a session',
    description: 'Legal in every state; repeats change nothing.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/stop',
    right: 'session:stop',
    subject: shownSession,
    request: { params },
    responses: stopAnswers,
  },
  (c) => stop(c, c.req.valid('param').sessionId),
)

export const sessionRoutes = [createSession, listAll, getOne, stopByDelete, stopByPost]
