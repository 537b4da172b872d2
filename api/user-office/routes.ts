import { z } from '@hono/zod-openapi'
import { body, json } from '../answers.ts'
import type { AppContext } from '../env.ts'
import { notFound } from '../problem.ts'
import { route } from '../route.ts'
import { foreignPage } from '../same-origin.ts'
import { returnUrlOf } from '../sign-in/begin.ts'
import { limitByAddress } from '../sign-in/rate-limit.ts'
import { limitByName } from './attempts.ts'
import { signInBy } from './signing-in.ts'
import type { Way } from './signing-in.ts'
import { hashOfProxy } from './umbrella.ts'

const returnUrl = z
  .string()
  .max(2_000)
  .optional()
  .openapi({ description: 'Exactly one of the configured addresses; the first of them when left out' })

const PasswordSignIn = z
  .strictObject({ username: z.string().min(1).max(100), password: z.string().min(1).max(1_000), returnUrl })
  .openapi('PasswordSignIn')
const FederatedSignIn = z.strictObject({ returnUrl }).openapi('FederatedSignIn')
const SignedIn = z
  .object({ returnUrl: z.string().nullable().openapi({ description: 'Where to go now; null: nowhere is configured' }) })
  .openapi('SignedIn')

/** Where a browser goes then. Throws 422. */
const nextOf = ({ signIn }: Way, asked: string | undefined): string | null =>
  asked === undefined && signIn.returnUrls.length === 0 ? null : returnUrlOf(signIn, asked, 'body')

/** Throws 429, 404 where this way is not switched on, and 403 where the request is no own page's. */
async function wayOf(c: AppContext, part: 'byPassword' | 'byHash'): Promise<Way> {
  const { signIn, userOffice: deps } = c.var.services
  if (signIn !== undefined) await limitByAddress(c, signIn)
  if (signIn === undefined || deps === undefined || deps.office[part] === null) throw notFound('way to sign in')
  const foreign = foreignPage(c, signIn.origin)
  if (foreign !== null) throw foreign
  return { signIn, deps }
}

const byPassword = route(
  {
    operationId: 'signInByPassword',
    summary: 'Sign a browser in with a name and a password of the user office',
    description:
      'For pages of the api’s own origin. An unknown name and a wrong password are one answer. The password goes to the user office and is kept nowhere.',
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/sign-in/user-office',
    right: 'sign-in',
    refusals: [401, 403, 404, 429],
    request: { body: body(PasswordSignIn) },
    responses: { 200: json(SignedIn, 'The browser is signed in by its cookie') },
  },
  async (c) => {
    const { username, password, returnUrl: asked } = c.req.valid('json')
    const way = await wayOf(c, 'byPassword')
    const next = nextOf(way, asked)
    await limitByName(way.deps, username)
    const { byPassword: recognise } = way.deps.office
    await signInBy(c, way, async () => (recognise === null ? { kind: 'refused' } : await recognise(username, password)))
    return c.json({ returnUrl: next }, 200)
  },
)

const byFederation = route(
  {
    operationId: 'signInByFederation',
    summary: 'Sign a browser in that comes through the proxy of the federation',
    description:
      'The proxy sets `EAAHash`, and the user office says whose that is. From anywhere else it is `untrusted_proxy`, whatever the headers say.',
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/sign-in/umbrella',
    right: 'sign-in',
    refusals: [401, 403, 404, 429],
    request: { body: body(FederatedSignIn) },
    responses: { 200: json(SignedIn, 'The browser is signed in by its cookie') },
  },
  async (c) => {
    const way = await wayOf(c, 'byHash')
    const hash = hashOfProxy(c, way.deps)
    const next = nextOf(way, c.req.valid('json').returnUrl)
    const { byHash: recognise } = way.deps.office
    await signInBy(c, way, async () => (recognise === null ? { kind: 'refused' } : await recognise(hash)))
    return c.json({ returnUrl: next }, 200)
  },
)

export const userOfficeRoutes = [byPassword, byFederation]
