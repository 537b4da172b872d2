import { z } from '@hono/zod-openapi'
import { isEnd } from '../../domain/lifecycle.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, reason } from '../fields.ts'
import { route } from '../route.ts'
import { showSession } from './decided.ts'
import { abandonSession, retrySession } from './operations.ts'
import { SessionDocument } from './schemas.ts'
import { sessionOfPath } from './subject.ts'

const params = z.object({ sessionId: idOf('session') })

const retry = route(
  {
    operationId: 'retrySession',
    summary: 'Have what a session waits for tried now',
    description:
      "An operator's: its workflow looks at once, and where it waits for its provider to answer, the provider is tried now rather " +
      'than at `retryAt`. Nothing else is begun or ended by it. 409 where the session has ended.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/retry',
    right: 'operate:write',
    subject: sessionOfPath,
    reasoned: true,
    refusals: [409],
    request: { params, body: body(z.strictObject({ reason })) },
    responses: { 202: json(SessionDocument, 'It is looked at') },
  },
  async (c) => {
    const session = await retrySession(c.var.services.db, deedOf(c), c.req.valid('param').sessionId)
    return c.json(await showSession(c, session), 202)
  },
)

const SessionAbandon = z
  .strictObject({
    reason,
    force: z.boolean().default(false).openapi({ description: 'Also before its cleanup is overdue' }),
  })
  .openapi('SessionAbandon')

const abandon = route(
  {
    operationId: 'abandonSession',
    summary: "Give up on a session's cleanup",
    description:
      "An operator's, for a session in `stopping` whose cleanup is overdue (or with `force`): it ends as `failed` with the reason " +
      '`abandoned`, and what it holds is given back, although nobody knows whether anything of it is left. Should its instance be ' +
      'seen again, the next reconciliation removes it. Repeats change nothing.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/abandon',
    right: 'operate:write',
    subject: sessionOfPath,
    reasoned: true,
    refusals: [409],
    request: { params, body: body(SessionAbandon) },
    responses: {
      202: json(SessionDocument, 'It is to end'),
      200: json(SessionDocument, 'It was given up before, and has ended'),
    },
  },
  async (c) => {
    const { force } = c.req.valid('json')
    const session = await abandonSession(c.var.services.db, deedOf(c), c.req.valid('param').sessionId, force)
    const document = await showSession(c, session)
    return isEnd(session.state) ? c.json(document, 200) : c.json(document, 202)
  },
)

export const sessionOperationRoutes = [retry, abandon]
