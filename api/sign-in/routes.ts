import { z } from '@hono/zod-openapi'
import { signInFailures } from '../../domain/sign-in.ts'
import { json } from '../answers.ts'
import type { AppContext } from '../env.ts'
import { notFound } from '../problem.ts'
import { route } from '../route.ts'
import { officeMethods } from '../user-office/methods.ts'
import { begin, returnUrlOf } from './begin.ts'
import { complete } from './complete.ts'
import type { Outcome } from './complete.ts'
import type { Issuer, SignInDeps } from './issuers.ts'
import { limitByAddress } from './rate-limit.ts'

const Methods = z
  .object({
    items: z.array(
      z
        .object({
          kind: z.string().openapi({
            description:
              'Open to growth. Today: openid_connect; and user_office, umbrella, to whose url a page of the api’s own origin sends a POST',
          }),
          id: z.string(),
          name: z.string().openapi({ description: 'As people call it' }),
          url: z.string().openapi({ description: 'Where to send a browser', example: '/v1/sign-in/university' }),
        })
        .openapi('SignInMethod'),
    ),
  })
  .openapi('SignInMethods')

const getMethods = route(
  {
    operationId: 'getSignInMethods',
    summary: 'Read how people sign in here',
    description: 'For everybody. An empty list: nobody signs in with a browser; programs use tokens.',
    tags: ['sign-in'],
    method: 'get',
    path: '/v1/sign-in-methods',
    right: 'sign-in',
    responses: { 200: json(Methods, 'The ways there are') },
  },
  (c) => {
    const issuers = c.var.services.signIn?.issuers ?? []
    const items = issuers.map(({ id, name }) => ({ kind: 'openid_connect', id, name, url: `/v1/sign-in/${id}` }))
    return c.json({ items: [...items, ...officeMethods(c.var.services.userOffice)] }, 200)
  },
)

const params = z.object({ issuer: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/) })
const redirect = (description: string) => ({ description, headers: z.object({ location: z.string() }) })

/** The issuer that the path names, for somebody who is counted by address. Throws 404, and 429 before. */
export async function countedIssuer(c: AppContext, id: string): Promise<{ deps: SignInDeps; issuer: Issuer }> {
  const { signIn: deps } = c.var.services
  if (deps !== undefined) await limitByAddress(c, deps)
  return issuerOfPath(c, id)
}

/** The issuer that the path names. Throws 404. */
export function issuerOfPath(c: AppContext, id: string): { deps: SignInDeps; issuer: Issuer } {
  const { signIn: deps } = c.var.services
  const issuer = deps?.issuers.find((one) => one.id === id)
  if (deps === undefined || issuer === undefined) throw notFound('issuer')
  return { deps, issuer }
}

const beginSignIn = route(
  {
    operationId: 'beginSignIn',
    summary: 'Send a browser to sign in',
    description: `Leads to the issuer, and back to \`returnUrl\` with \`signIn=done\`, or with \`signInError\`: ${[...signInFailures, 'sign_in_expired', 'other_browser'].join(', ')}. It must be finished within ten minutes, in the same browser.`,
    tags: ['sign-in'],
    method: 'get',
    path: '/v1/sign-in/{issuer}',
    right: 'sign-in',
    refusals: [429],
    request: {
      params,
      query: z.strictObject({
        returnUrl: z
          .string()
          .max(2_000)
          .optional()
          .openapi({ description: 'Exactly one of the configured addresses; the first of them when left out' }),
      }),
    },
    responses: { 302: redirect('To the issuer; where it cannot be reached, back') },
  },
  async (c) => {
    const { deps, issuer } = await countedIssuer(c, c.req.valid('param').issuer)
    const returnUrl = returnUrlOf(deps, c.req.valid('query').returnUrl, 'query')
    const begun = await begin(c, deps, issuer, { returnUrl, link: null })
    if (begun.kind === 'begun') return c.redirect(begun.url, 302)
    c.var.services.countSignIn(issuer.id, 'provider_unavailable')
    return c.redirect(addressOf({ returnUrl, failure: 'provider_unavailable' }), 302)
  },
)

const completeSignIn = route(
  {
    operationId: 'completeSignIn',
    summary: 'Take a browser back that has signed in',
    description: 'Only issuers send browsers here.',
    tags: ['sign-in'],
    method: 'get',
    path: '/v1/sign-in/{issuer}/callback',
    right: 'sign-in',
    refusals: [429],
    request: { params },
    responses: { 303: redirect('To where the sign-in was begun for, and what came of it') },
  },
  async (c) => {
    const { deps, issuer } = await countedIssuer(c, c.req.valid('param').issuer)
    const outcome = await complete(c, deps, issuer, new URL(c.req.url).searchParams)
    c.var.services.countSignIn(issuer.id, outcome.failure ?? 'done')
    return c.redirect(addressOf(outcome), 303)
  },
)

function addressOf({ returnUrl, failure }: Outcome): string {
  const url = new URL(returnUrl)
  if (failure === null) url.searchParams.set('signIn', 'done')
  else url.searchParams.set('signInError', failure)
  return url.href
}

export const signInRoutes = [getMethods, beginSignIn, completeSignIn]
