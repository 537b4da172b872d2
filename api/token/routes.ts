import { z } from '@hono/zod-openapi'
import { exchangeScopes } from '../../domain/exchange.ts'
import { json } from '../answers.ts'
import { notFound } from '../problem.ts'
import { route } from '../route.ts'
import { field, fieldsOf, OauthErrorDocument, refuse } from './answers.ts'
import { fetchDeviceToken } from './device-grant.ts'
import { exchange, issuedType } from './exchange.ts'
import { limitTokens } from './rate-limit.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

const TokenRequest = z
  .object({
    grant_type: field('What is shown for it', exchangeGrant),
    subject_token: field("Of an exchange: an issuer's token of the person"),
    subject_token_type: field('Of an exchange: access_token or id_token', issuedType),
    requested_token_type: field('Of an exchange: access_token, if it is sent', issuedType),
    scope: field(
      `Of an exchange: some of ${exchangeScopes.join(', ')}; all of them when left out`,
      exchangeScopes.join(' '),
    ),
    device_code: field('Of a device sign-in: as it was given'),
    client_id: field('Of a device sign-in: who began it', 'carrel-cli'),
    // Named so that they are refused.
    actor_token: field('Not taken'),
    actor_token_type: field('Not taken'),
    resource: field('Not taken'),
    audience: field('Not taken'),
  })
  .openapi('TokenRequest')

const TokenAnswer = z
  .object({
    access_token: z.string().openapi({ example: 'carrel_…' }),
    issued_token_type: z.string().optional().openapi({ example: issuedType }),
    token_type: z.literal('Bearer'),
    expires_in: z.int().openapi({ description: 'Seconds' }),
    scope: z.string(),
  })
  .openapi('TokenAnswer')

const requestToken = route(
  {
    operationId: 'requestToken',
    summary: "Exchange an issuer's token, or fetch that of a device sign-in",
    description:
      "RFC 8693 and RFC 8628. An exchanged token holds 15 minutes, and never longer than the issuer's. Refusals are those RFCs' own, " +
      'with status 400; the others are problem documents as everywhere.',
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/token',
    right: 'sign-in',
    refusals: [404, 429],
    request: {
      body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: TokenRequest } } },
    },
    responses: {
      200: json(TokenAnswer, 'The token'),
      400: json(OauthErrorDocument, 'Refused'),
    },
  },
  async (c) => {
    const { signIn } = c.var.services
    if (signIn === undefined) throw notFound('way to a token')
    await limitTokens(c, signIn)
    const form = fieldsOf(c.req.valid('form'))
    if (form === null)
      return refuse(c, { error: 'invalid_request', description: 'A field is there twice, or is too long.' })
    const { grant_type: grant } = form
    if (grant !== exchangeGrant && grant !== deviceGrant)
      return refuse(c, {
        error: grant === undefined ? 'invalid_request' : 'unsupported_grant_type',
        description: `Send a form with the grant_type ${exchangeGrant} or ${deviceGrant}.`,
      })
    const isExchange = grant === exchangeGrant
    const outcome = isExchange ? await exchange(c, signIn, form) : await fetchDeviceToken(c, signIn, form)
    if ('error' in outcome) return refuse(c, outcome)
    const { secret, expiresAt, scopes } = outcome
    return c.json(
      {
        access_token: secret,
        ...(isExchange ? { issued_token_type: issuedType } : {}),
        token_type: 'Bearer' as const,
        expires_in: Math.max(0, Math.floor((expiresAt.getTime() - Date.now()) / 1_000)),
        scope: scopes.join(' '),
      },
      200,
    )
  },
)

export const tokenRequestRoutes = [requestToken]
