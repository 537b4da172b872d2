import { z } from '@hono/zod-openapi'
import { getBrowserSession, listBrowserSessions, revokeBrowserSessions } from '../../db/browser-sessions.ts'
import type { BrowserSession } from '../../db/browser-sessions.ts'
import { isAdmin } from '../../domain/authorization.ts'
import { idPattern } from '../../domain/ids.ts'
import type { TokenId } from '../../domain/ids.ts'
import type { RouteSubject } from '../access.ts'
import { json } from '../answers.ts'
import { change } from '../changes.ts'
import { deedOf } from '../env.ts'
import { id, idOf, iso, time } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'

const BrowserSessionDocument = z
  .object({
    id,
    accountId: id,
    issuer: z.string().openapi({ description: 'Who signed it in' }),
    createdAt: time,
    lastSeenAt: time.openapi({ description: 'To the minute' }),
    idleUntil: time.openapi({ description: 'When it ends unless it is used' }),
    endsAt: time.openapi({ description: 'When it ends at the latest' }),
    userAgent: z.string().nullable(),
    address: z.string().nullable(),
    current: z.boolean().openapi({ description: 'It is the one that asks' }),
  })
  .openapi('BrowserSession')

const present =
  (current: TokenId) =>
  (session: BrowserSession): z.infer<typeof BrowserSessionDocument> => ({
    id: session.id,
    accountId: session.accountId,
    issuer: session.issuer,
    createdAt: iso(session.createdAt),
    lastSeenAt: iso(session.lastSeenAt),
    idleUntil: iso(session.idleUntil),
    endsAt: iso(session.endsAt),
    userAgent: session.userAgent,
    address: session.address,
    current: session.id === current,
  })

/** The browser session that the path names: one's own, or anybody's for an admin. */
const sessionOfPath: RouteSubject = {
  kind: 'browser_session',
  param: 'browserSessionId',
  relation: async (c) => {
    const asked = c.req.param('browserSessionId') ?? ''
    const session = idPattern.test(asked) ? await getBrowserSession(c.var.services.db, asked as TokenId) : null
    if (session === null) return null
    const { actor, accountId } = c.var.principal
    const isOwner = session.accountId === accountId
    return isOwner || (isAdmin(actor) && actor.scopes.includes('admin')) ? { isOwner } : null
  },
}

const list = route(
  {
    operationId: 'listBrowserSessions',
    summary: 'List the browsers in which you are signed in, the newest first',
    tags: ['sign-in'],
    method: 'get',
    path: '/v1/browser-sessions',
    right: 'token:read',
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(BrowserSessionDocument), 'A page of them') },
  },
  async (c) => {
    const { services, principal } = c.var
    const ask = pageAsk('browser-sessions', c.req.valid('query'))
    const page = await listBrowserSessions(services.db, principal.accountId, ask)
    return c.json(answerPage('browser-sessions', page, present(principal.tokenId)), 200)
  },
)

const revoke = route(
  {
    operationId: 'revokeBrowserSession',
    summary: 'Sign a browser out at once',
    description: 'With it end the doors and streams that it opened.',
    tags: ['sign-in'],
    method: 'delete',
    path: '/v1/browser-sessions/{browserSessionId}',
    right: 'token:write',
    subject: sessionOfPath,
    request: { params: z.object({ browserSessionId: idOf('token') }) },
    responses: { 204: { description: 'It is signed out' } },
  },
  async (c) => {
    const subject = { kind: 'browser_session', id: c.req.valid('param').browserSessionId }
    await change(c.var.services.db, deedOf(c), subject, (trx) => revokeBrowserSessions(trx, { id: subject.id }))
    return c.body(null, 204)
  },
)

export const browserSessionRoutes = [list, revoke]
