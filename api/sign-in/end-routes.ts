import { z } from '@hono/zod-openapi'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'
import { returnUrlOf } from './begin.ts'
import { dropBrowserSession } from './cookies.ts'
import { endByIssuer, signOut } from './end.ts'
import { limitRefusals } from './rate-limit.ts'
import { issuerOfPath } from './routes.ts'

const SignOut = z
  .strictObject({
    returnUrl: z
      .string()
      .max(2_000)
      .optional()
      .openapi({ description: 'Where the issuer sends the browser then: exactly one of the configured addresses' }),
  })
  .openapi('SignOut')

const signOutRoute = route(
  {
    operationId: 'signOut',
    summary: 'Sign out in this browser',
    description:
      "Ends the browser's session with all that it opened: doors, streams. The issuer still knows the person; `endSessionUrl` is where " +
      'a page sends the browser to end that as well.',
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/sign-out',
    right: 'token:write',
    about: () => ({ kind: 'browser_session', id: null }),
    refusals: [409],
    request: { body: body(SignOut) },
    responses: {
      200: json(z.object({ endSessionUrl: z.string().nullable() }).openapi('SignedOut'), 'It has ended'),
    },
  },
  async (c) => {
    const { principal, services } = c.var
    const { signIn } = services
    if (!principal.browser || signIn === undefined)
      throw new Problem('conflict', 'This is no browser that is signed in: end the token instead.')
    const { returnUrl } = c.req.valid('json')
    const back = returnUrl === undefined ? (signIn.returnUrls[0] ?? null) : returnUrlOf(signIn, returnUrl, 'body')
    const endSessionUrl = await signOut(services.db, signIn, deedOf(c), principal.tokenId, back)
    dropBrowserSession(c, signIn)
    return c.json({ endSessionUrl }, 200)
  },
)

const backChannel = route(
  {
    operationId: 'endSignInsByIssuer',
    summary: "Take an issuer's word that somebody signed out there",
    description: 'OpenID Connect Back-Channel Logout 1.0: only issuers come here, with a token that they have signed.',
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/sign-in/{issuer}/back-channel-logout',
    right: 'sign-in',
    refusals: [400, 429],
    request: {
      params: z.object({ issuer: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/) }),
      body: {
        required: true,
        content: {
          'application/x-www-form-urlencoded': { schema: z.object({ logout_token: z.string().max(16_384) }) },
        },
      },
    },
    responses: { 204: { description: 'The browser sessions that it names have ended' } },
  },
  async (c) => {
    const { deps, issuer } = issuerOfPath(c, c.req.valid('param').issuer)
    await limitRefusals(c, deps, async () => await endByIssuer(c, issuer, c.req.valid('form').logout_token))
    return c.body(null, 204)
  },
)

export const signInEndRoutes = [signOutRoute, backChannel]
