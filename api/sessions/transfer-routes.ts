import { z } from '@hono/zod-openapi'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf } from '../fields.ts'
import { route } from '../route.ts'
import { readSession } from './commands.ts'
import { showSession } from './decided.ts'
import { SessionDocument } from './schemas.ts'
import { sessionOfPath } from './subject.ts'
import { giveSession } from './transferring.ts'

const SessionTransfer = z
  .strictObject({
    accountId: idOf('account').openapi({ description: 'An owner or editor of its project, who will own it' }),
    orStop: z.boolean().default(false).openapi({
      description: 'Where it cannot go on under that owner (`transfer_unfit`), it ends instead of staying yours',
    }),
  })
  .openapi('SessionTransfer')

const transfer = route(
  {
    operationId: 'transferSession',
    summary: 'Give a session to another account',
    description:
      "Its owner's, or an admin's, while it is ready or paused. It is admitted again, on the new owner's quota: refused, it " +
      'stays as it is. It goes on only where the new owner has a right to what it runs with: 409 `transfer_unfit` where it runs ' +
      'as a POSIX user that the new owner is not, belongs to an experiment that is not open to the new owner, belongs to none and the user office has not authorized them, mounts what is not ' +
      "the new owner's to mount, or its template is none that the new owner may start; with `orStop` it ends then (202). What the owner until now has open in it is cut within seconds; " +
      'whom it is shared with stays, as far as template and project allow. `startedBy` never changes.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/transfer',
    right: 'session:transfer',
    subject: sessionOfPath,
    refusals: [403, 409, 422],
    request: { params: z.object({ sessionId: idOf('session') }), body: body(SessionTransfer) },
    responses: {
      200: json(SessionDocument, "It is the new owner's"),
      202: json(SessionDocument, 'It cannot go on under that owner, and is to end'),
    },
  },
  async (c) => {
    const { services, principal } = c.var
    const id = c.req.valid('param').sessionId
    const given = await giveSession(services, deedOf(c), principal, { id, ...c.req.valid('json') })
    const document = await showSession(c, await readSession(services.db, id))
    return given === 'stopped' ? c.json(document, 202) : c.json(document, 200)
  },
)

export const sessionTransferRoutes = [transfer]
