import { z } from '@hono/zod-openapi'
import { listHawkKeys } from '../../db/hawk-keys.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { issueHawkKey, revokeKey } from './commands.ts'
import { HawkKeyCreate, HawkKeyCreated, HawkKeyDocument, HawkKeyShown, presentHawkKey } from './schemas.ts'
import { hawkKeyOfPath } from './subject.ts'

const list = 'hawk-keys'

const createKey = route(
  {
    operationId: 'createHawkKey',
    summary: 'Make a key that requests are signed with; it is shown once',
    description:
      'For machines: they sign each request (`Authorization: Hawk …`) and never send the key. Otherwise it is as a token is. ' +
      'A repeat with the same `Idempotency-Key` answers 200 without the key, and `secretShown: true`.',
    tags: ['tokens'],
    method: 'post',
    path: '/v1/hawk-keys',
    right: 'token:write',
    about: () => ({ kind: 'hawk_key', id: null }),
    creates: true,
    request: { body: body(HawkKeyCreate) },
    responses: {
      201: json(HawkKeyCreated, 'The key'),
      200: json(HawkKeyShown, 'The key that this `Idempotency-Key` made before'),
    },
  },
  async (c) => {
    const { services, principal, intent } = c.var
    const issued = await issueHawkKey(services, deedOf(c), intent, principal, c.req.valid('json'))
    const key = presentHawkKey(issued.key)
    if (issued.secret === null) return c.json({ ...key, secretShown: true as const }, 200)
    return c.json({ ...key, secret: issued.secret }, 201, { location: `/v1/hawk-keys/${key.id}` })
  },
)

const listOwn = route(
  {
    operationId: 'listHawkKeys',
    summary: 'List the keys that your machines sign with, the newest first',
    tags: ['tokens'],
    method: 'get',
    path: '/v1/hawk-keys',
    right: 'token:read',
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(HawkKeyDocument), 'A page of keys') },
  },
  async (c) => {
    const { services, principal } = c.var
    const page = await listHawkKeys(services.db, principal.accountId, pageAsk(list, c.req.valid('query')))
    return c.json(answerPage(list, page, presentHawkKey), 200)
  },
)

const revokeOne = route(
  {
    operationId: 'revokeHawkKey',
    summary: 'End a key at once',
    tags: ['tokens'],
    method: 'delete',
    path: '/v1/hawk-keys/{keyId}',
    right: 'token:write',
    subject: hawkKeyOfPath,
    request: { params: z.object({ keyId: idOf('token') }) },
    responses: { 204: { description: 'Nothing that is signed with it is taken any more' } },
  },
  async (c) => {
    await revokeKey(c.var.services.db, deedOf(c), c.req.valid('param').keyId)
    return c.body(null, 204)
  },
)

export const hawkKeyRoutes = [createKey, listOwn, revokeOne]
