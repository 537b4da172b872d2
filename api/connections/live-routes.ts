import { z } from '@hono/zod-openapi'
import { listLiveTunnels } from '../../db/tunnels.ts'
import type { LiveTunnel } from '../../db/tunnels.ts'
import { json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { id, idOf, iso, isoOrNull, nullableTime, time } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { sessionOfPath } from '../sessions/subject.ts'
import { cutTunnel } from './commands.ts'

const sessionId = idOf('session')

const LiveTunnelDocument = z
  .object({
    id,
    door: z.string(),
    mode: z.string(),
    kind: z.string().openapi({ description: 'Open to growth. Today: websocket, desktop, stream.' }),
    accountId: id,
    displayName: z.string(),
    remoteAddress: z.string(),
    openedAt: time,
    lastInputAt: nullableTime.openapi({ description: 'When somebody last did something through it' }),
    bytesIn: z.int().openapi({ description: 'From the browser to the session; at most 15 s old' }),
    bytesOut: z.int(),
    ending: z.boolean().openapi({ description: 'It is asked to end' }),
  })
  .openapi('LiveTunnel')

const present = ({ isEnding, openedAt, lastInputAt, ...tunnel }: LiveTunnel): z.infer<typeof LiveTunnelDocument> => ({
  ...tunnel,
  openedAt: iso(openedAt),
  lastInputAt: isoOrNull(lastInputAt),
  ending: isEnding,
})

const list = route(
  {
    operationId: 'listLiveTunnels',
    summary: 'List what is open into your session, the newest first',
    description: 'For its owner and operators. Short requests are not in it: what lasts less than 5 s leaves no line.',
    tags: ['sessions'],
    method: 'get',
    path: '/v1/sessions/{sessionId}/connections/live',
    right: 'session:watch',
    subject: sessionOfPath,
    request: { params: z.object({ sessionId }), query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(LiveTunnelDocument), 'A page of open tunnels') },
  },
  async (c) => {
    const session = c.req.valid('param').sessionId
    const page = await listLiveTunnels(c.var.services.db, session, pageAsk('tunnels', c.req.valid('query')))
    return c.json(answerPage('tunnels', page, present), 200)
  },
)

const cut = route(
  {
    operationId: 'cutTunnel',
    summary: 'Cut something that is open into your session',
    description:
      'It closes within seconds. Whoever it was may open another one while they have the right to; removing a collaborator ' +
      'takes that away.',
    tags: ['sessions'],
    method: 'delete',
    path: '/v1/sessions/{sessionId}/connections/live/{tunnelId}',
    right: 'session:cut',
    subject: sessionOfPath,
    request: { params: z.object({ sessionId, tunnelId: idOf('tunnel') }) },
    responses: { 204: { description: 'It is asked to end' } },
  },
  async (c) => {
    const { sessionId: session, tunnelId } = c.req.valid('param')
    await cutTunnel(c.var.services, deedOf(c), c.var.principal, session, tunnelId)
    return c.body(null, 204)
  },
)

export const liveRoutes = [list, cut]
