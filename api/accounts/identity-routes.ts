import { z } from '@hono/zod-openapi'
import { listIdentities } from '../../db/identities.ts'
import type { Identity } from '../../db/identities.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf } from '../fields.ts'
import { route } from '../route.ts'
import { link, unlink } from './changing.ts'
import { IdentityDocument, IdentityLink, presentIdentity } from './schemas.ts'
import { accountOfPath } from './subject.ts'

const params = z.object({ accountId: idOf('account') })
const Identities = z.object({ items: z.array(IdentityDocument) }).openapi('Identities')
const present = (identities: readonly Identity[]) => ({ items: identities.map(presentIdentity) })

const list = route(
  {
    operationId: 'getIdentities',
    summary: 'List how an account signs in',
    description: 'Its own, and for an admin.',
    tags: ['accounts'],
    method: 'get',
    path: '/v1/accounts/{accountId}/identities',
    right: 'identity:read',
    subject: accountOfPath,
    request: { params },
    responses: { 200: json(Identities, 'The identities, the oldest first') },
  },
  async (c) => c.json(present(await listIdentities(c.var.services.db, c.req.valid('param').accountId)), 200),
)

const linkOne = route(
  {
    operationId: 'linkIdentity',
    summary: 'Have an identity be an account',
    description:
      "An admin's: whoever signs in as this is the account from now on. People link their own by signing in with both. 409 " +
      "where it is another account's. Repeats change nothing.",
    tags: ['accounts'],
    method: 'post',
    path: '/v1/accounts/{accountId}/identities/link',
    right: 'account:admin',
    subject: accountOfPath,
    refusals: [409],
    request: { params, body: body(IdentityLink) },
    responses: { 200: json(Identities, 'The identities') },
  },
  async (c) => {
    const { accountId } = c.req.valid('param')
    return c.json(present(await link(c.var.services.db, deedOf(c), accountId, c.req.valid('json'))), 200)
  },
)

const unlinkOne = route(
  {
    operationId: 'unlinkIdentity',
    summary: 'Take an identity from an account',
    description:
      "An admin's. Browsers that signed in with it are signed out; tokens stay, but with the last identity ends all that speaks for " +
      'the account. 409 where that is the last admin.',
    tags: ['accounts'],
    method: 'post',
    path: '/v1/accounts/{accountId}/identities/unlink',
    right: 'account:admin',
    subject: accountOfPath,
    refusals: [409],
    request: { params, body: body(IdentityLink) },
    responses: { 200: json(Identities, 'The identities that are left') },
  },
  async (c) => {
    const { accountId } = c.req.valid('param')
    return c.json(present(await unlink(c.var.services.db, deedOf(c), accountId, c.req.valid('json'))), 200)
  },
)

export const identityRoutes = [list, linkOne, unlinkOne]
