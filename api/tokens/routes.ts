import { z } from '@hono/zod-openapi'
import { listTokens } from '../../db/tokens.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { issueToken, revoke } from './commands.ts'
import { presentToken, TokenCreate, TokenCreated, TokenDocument, TokenShown } from './schemas.ts'
import { tokenOfPath } from './subject.ts'

const createToken = route(
  {
    operationId: 'createToken',
    summary: 'Make a token; its secret is shown once',
    description: 'A repeat with the same key answers 200 without the secret, and `secretShown: true`.',
    tags: ['tokens'],
    method: 'post',
    path: '/v1/tokens',
    right: 'token:write',
    about: () => ({ kind: 'token', id: null }),
    creates: true,
    request: { body: body(TokenCreate) },
    responses: {
      201: json(TokenCreated, 'The token with its secret'),
      200: json(TokenShown, 'The token that this key made before'),
    },
  },
  async (c) => {
    const { services, principal, intent } = c.var
    const issued = await issueToken(services.db, deedOf(c), intent, principal, c.req.valid('json'))
    const token = presentToken(issued.token)
    if (issued.kind === 'shown') return c.json({ ...token, secretShown: true as const }, 200)
    return c.json({ ...token, secret: issued.secret }, 201, { location: `/v1/tokens/${token.id}` })
  },
)

const listOwn = route(
  {
    operationId: 'listTokens',
    summary: 'List your tokens, the newest first',
    tags: ['tokens'],
    method: 'get',
    path: '/v1/tokens',
    right: 'token:read',
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(TokenDocument), 'A page of tokens') },
  },
  async (c) => {
    const { services, principal } = c.var
    const page = await listTokens(services.db, principal.accountId, pageAsk('tokens', c.req.valid('query')))
    return c.json(answerPage('tokens', page, presentToken), 200)
  },
)

const revokeOne = route(
  {
    operationId: 'revokeToken',
    summary: 'End a token at once',
    tags: ['tokens'],
    method: 'delete',
    path: '/v1/tokens/{tokenId}',
    right: 'token:write',
    subject: tokenOfPath,
    request: { params: z.object({ tokenId: idOf('token') }) },
    responses: { 204: { description: 'It does not work any more' } },
  },
  async (c) => {
    await revoke(c.var.services.db, deedOf(c), c.req.valid('param').tokenId)
    return c.body(null, 204)
  },
)

export const tokenRoutes = [createToken, listOwn, revokeOne]
