import { z } from '@hono/zod-openapi'
import { scopes } from '../../domain/authorization.ts'
import { deviceScopes, deviceSeconds, namedScopes, pollSeconds } from '../../domain/device.ts'
import { body, json } from '../answers.ts'
import type { AppContext } from '../env.ts'
import { id, iso, time } from '../fields.ts'
import { notFound } from '../problem.ts'
import { route } from '../route.ts'
import type { SignInDeps } from '../sign-in/issuers.ts'
import { limitByAddress } from '../sign-in/rate-limit.ts'
import { field, fieldsOf, OauthErrorDocument, refuse } from '../token/answers.ts'
import { approve, begin, deny, show } from './commands.ts'
import { devicePath } from './page.ts'

const DeviceRequest = z
  .object({
    client_id: field('What the program calls itself: lower-case letters, digits and dashes', 'carrel-cli'),
    scope: field(`Some of ${deviceScopes.join(', ')}; the first three when left out`, 'read sessions projects'),
  })
  .openapi('DeviceRequest')

const DeviceAnswer = z
  .object({
    device_code: z.string().openapi({ description: 'For the program alone' }),
    user_code: z.string().openapi({ description: 'For whom the program works', example: 'WDJB-MJHT' }),
    verification_uri: z.string().openapi({ description: 'Where a signed-in browser answers' }),
    verification_uri_complete: z.string().openapi({ description: 'The same with the code, for a link or a QR code' }),
    expires_in: z.int().openapi({ description: 'Seconds' }),
    interval: z.int().openapi({ description: 'Seconds between two polls, at least' }),
  })
  .openapi('DeviceAnswer')

const DeviceDocument = z
  .object({
    tokenId: id.openapi({ description: 'Of the token that it will be' }),
    client: z.string().openapi({ description: 'What the program calls itself' }),
    scopes: z.array(z.string()),
    address: z.string().nullable().openapi({ description: 'From where it asks' }),
    userAgent: z.string().nullable(),
    createdAt: time,
    expiresAt: time,
  })
  .openapi('DeviceAuthorization')

/** How people sign in here. Throws 404 where they do not. */
function signInOf(c: AppContext): SignInDeps {
  const { signIn } = c.var.services
  if (signIn === undefined) throw notFound('way to sign a program in')
  return signIn
}

const beginRoute = route(
  {
    operationId: 'beginDeviceAuthorization',
    summary: 'Begin the sign-in of a program that has no browser',
    description:
      'RFC 8628. Show the person the address and the code; poll `POST /v1/token` until they have answered, within ten minutes.',
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/device-authorizations',
    right: 'sign-in',
    refusals: [404, 429],
    request: {
      body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: DeviceRequest } } },
    },
    responses: {
      200: json(DeviceAnswer, 'It waits for an answer'),
      400: json(OauthErrorDocument, 'Refused'),
    },
  },
  async (c) => {
    const signIn = signInOf(c)
    await limitByAddress(c, signIn)
    const form = fieldsOf(c.req.valid('form'))
    const begun =
      form === null
        ? ({ error: 'invalid_request', description: 'A field is there twice, or is too long.' } as const)
        : await begin(c, signIn, form)
    if ('error' in begun) return refuse(c, begun)
    const address = `${signIn.origin}${devicePath}`
    return c.json(
      {
        device_code: begun.deviceCode,
        user_code: begun.userCode,
        verification_uri: address,
        // Behind the #, which browsers send nobody.
        verification_uri_complete: `${address}#${begun.userCode}`,
        expires_in: deviceSeconds,
        interval: pollSeconds,
      },
      200,
    )
  },
)

const params = z.object({
  userCode: z
    .string()
    .min(1)
    .max(40)
    .openapi({ description: 'As the program showed it; capitals and dashes do not matter', example: 'WDJB-MJHT' }),
})
const about = () => ({ kind: 'token', id: null })

const showRoute = route(
  {
    operationId: 'getDeviceAuthorization',
    summary: 'Read which program asks to be let in',
    description: 'Changes nothing. Codes that lead nowhere are counted: after ten in ten minutes none is looked up.',
    tags: ['sign-in'],
    method: 'get',
    path: '/v1/device-authorizations/{userCode}',
    right: 'token:read',
    request: { params },
    responses: { 200: json(DeviceDocument, 'What asks, from where, and for what') },
  },
  async (c) => {
    const { tokenId, client, scopes: asked, ...rest } = await show(c, c.req.valid('param').userCode)
    const { address, userAgent, madeAt, expiresAt } = rest
    const times = { createdAt: iso(madeAt), expiresAt: iso(expiresAt) }
    return c.json({ tokenId, client, scopes: [...asked], address, userAgent, ...times }, 200)
  },
)

const Approval = z
  .strictObject({
    scopes: z
      .array(z.enum(scopes))
      .min(1)
      .max(scopes.length)
      .optional()
      .openapi({
        description: `Of what it asks for; everything when left out, but ${namedScopes.join(' and ')}, which must be named`,
      }),
  })
  .openapi('DeviceApproval')

const approveRoute = route(
  {
    operationId: 'approveDeviceAuthorization',
    summary: 'Let a program in as yourself',
    description:
      'From a browser that is signed in; no token lets another program in. It is given a token of yours, once: listed among them, and revoked like them.',
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/device-authorizations/{userCode}/approve',
    right: 'token:write',
    attended: true,
    about,
    request: { params, body: body(Approval) },
    responses: { 204: { description: 'It is let in' } },
  },
  async (c) => {
    await approve(c, c.req.valid('param').userCode, c.req.valid('json').scopes ?? null)
    return c.body(null, 204)
  },
)

const denyRoute = route(
  {
    operationId: 'denyDeviceAuthorization',
    summary: 'Refuse a program',
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/device-authorizations/{userCode}/deny',
    right: 'token:write',
    about,
    request: { params },
    responses: { 204: { description: 'It is told so' } },
  },
  async (c) => {
    await deny(c, c.req.valid('param').userCode)
    return c.body(null, 204)
  },
)

export const deviceRoutes = [beginRoute, showRoute, approveRoute, denyRoute]
