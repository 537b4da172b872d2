import { z } from '@hono/zod-openapi'
import { doorModes } from '../../domain/template.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, isoOrNull, nullableTime } from '../fields.ts'
import { route } from '../route.ts'
import { sessionOfPath } from '../sessions/subject.ts'
import { openConnection } from './commands.ts'

const ConnectionCreate = z
  .strictObject({ door: z.string().max(16), mode: z.enum(doorModes).default('control') })
  .openapi('ConnectionCreate')

const ConnectionDocument = z.object({ url: z.string(), expiresAt: nullableTime }).openapi('Connection')

const open = route(
  {
    operationId: 'openConnection',
    summary: 'Open a door of a session',
    description: 'The address is for you alone. Each call makes a new one, so it takes no idempotency key.',
    tags: ['sessions'],
    method: 'post',
    path: '/v1/sessions/{sessionId}/connections',
    right: 'session:connect',
    subject: sessionOfPath,
    refusals: [409],
    request: { params: z.object({ sessionId: idOf('session') }), body: body(ConnectionCreate) },
    responses: { 201: json(ConnectionDocument, 'The way in') },
  },
  async (c) => {
    const { services, principal } = c.var
    const { sessionId } = c.req.valid('param')
    const opened = await openConnection(services, deedOf(c), principal, sessionId, c.req.valid('json'))
    return c.json({ url: opened.url, expiresAt: isoOrNull(opened.expiresAt) }, 201, { 'cache-control': 'no-store' })
  },
)

export const connectionRoutes = [open]
