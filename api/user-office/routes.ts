import { z } from '@hono/zod-openapi'
import { body, json } from '../answers.ts'
import { route } from '../route.ts'
import { returnUrlOf } from '../sign-in/begin.ts'
import { limitByName } from './attempts.ts'
import { linkBy, signInBy } from './signing-in.ts'
import { hashOfProxy } from './umbrella.ts'
import { wayOf } from './ways.ts'
import type { Way } from './ways.ts'

const returnUrl = z
  .string()
  .max(2_000)
  .optional()
  .openapi({ description: 'Exactly one of the configured addresses; the first of them when left out' })

const names = { username: z.string().min(1).max(100), password: z.string().min(1).max(1_000) }
const PasswordSignIn = z.strictObject({ ...names, returnUrl }).openapi('PasswordSignIn')
const FederatedSignIn = z.strictObject({ returnUrl }).openapi('FederatedSignIn')
const SignedIn = z
  .object({ returnUrl: z.string().nullable().openapi({ description: 'Where to go now; null: nowhere is configured' }) })
  .openapi('SignedIn')

/** Where a browser goes then. Throws 422. */
const nextOf = ({ signIn }: Way, asked: string | undefined): string | null =>
  asked === undefined && signIn.returnUrls.length === 0 ? null : returnUrlOf(signIn, asked, 'body')

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
    await signInBy(c, way, async () => await way.recognise(username, password))
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
    await signInBy(c, way, async () => await way.recognise(hash))
    return c.json({ returnUrl: next }, 200)
  },
)

const linked = {
  204: { description: 'Whoever signs in so is your account from now on. Repeats change nothing' },
}
const about = () => ({ kind: 'account', id: null })

const linkByPassword = route(
  {
    operationId: 'linkOwnIdentityByPassword',
    summary: 'Link a further identity to your account by its name and password at the user office',
    description:
      "From a browser that is signed in. An identity that is another account's stays that: 409 `identity_taken`. Tries count as those of signing in do.",
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/identities/user-office',
    right: 'token:write',
    attended: true,
    about,
    refusals: [404, 409],
    request: { body: body(z.strictObject(names).openapi('PasswordLink')) },
    responses: linked,
  },
  async (c) => {
    const { username, password } = c.req.valid('json')
    const way = await wayOf(c, 'byPassword')
    await limitByName(way.deps, username)
    await linkBy(c, way, async () => await way.recognise(username, password))
    return c.body(null, 204)
  },
)

const linkByFederation = route(
  {
    operationId: 'linkOwnIdentityByFederation',
    summary: 'Link the identity that the proxy of the federation shows to your account',
    description:
      "From a browser that is signed in, and through the proxy: else it is `untrusted_proxy`. An identity that is another account's stays that: 409 `identity_taken`.",
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/identities/umbrella',
    right: 'token:write',
    attended: true,
    about,
    refusals: [404, 409],
    request: { body: body(z.strictObject({}).openapi('FederatedLink')) },
    responses: linked,
  },
  async (c) => {
    const way = await wayOf(c, 'byHash')
    const hash = hashOfProxy(c, way.deps)
    await linkBy(c, way, async () => await way.recognise(hash))
    return c.body(null, 204)
  },
)

export const userOfficeRoutes = [byPassword, byFederation, linkByPassword, linkByFederation]
