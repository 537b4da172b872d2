import { z } from '@hono/zod-openapi'
import { body, json } from '../answers.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'
import { begin, returnUrlOf } from '../sign-in/begin.ts'
import { countedIssuer } from '../sign-in/routes.ts'

const Link = z
  .strictObject({
    issuer: z.string().max(32).openapi({ description: 'As GET /v1/sign-in-methods calls it' }),
    returnUrl: z.string().max(2_000).optional(),
  })
  .openapi('OwnIdentityLink')

const linkOwn = route(
  {
    operationId: 'linkOwnIdentity',
    summary: 'Begin to link a further identity to your account',
    description:
      'From a browser that is signed in: send it to `url`. Once it has signed in there too, it is this account that way as well. ' +
      "An identity that is another account's stays that: `signInError=identity_taken`.",
    tags: ['sign-in'],
    method: 'post',
    path: '/v1/identities',
    right: 'token:write',
    attended: true,
    about: () => ({ kind: 'account', id: null }),
    request: { body: body(Link) },
    responses: { 200: json(z.object({ url: z.string() }).openapi('LinkBegun'), 'Where to send the browser') },
  },
  async (c) => {
    const { principal } = c.var
    const asked = c.req.valid('json')
    const { deps, issuer } = await countedIssuer(c, asked.issuer)
    const returnUrl = returnUrlOf(deps, asked.returnUrl, 'body')
    const { accountId, tokenId } = principal
    const begun = await begin(c, deps, issuer, { returnUrl, link: { accountId, tokenId } })
    if (begun.kind === 'unavailable') throw new Problem('unavailable', 'The issuer cannot be reached. Try again soon.')
    return c.json({ url: begun.url }, 200)
  },
)

export const ownIdentityRoutes = [linkOwn]
