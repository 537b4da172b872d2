import { z } from '@hono/zod-openapi'
import { listAccounts, listPeers } from '../../db/account-search.ts'
import { can, roles } from '../../domain/authorization.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import type { AppContext } from '../env.ts'
import { idOf, line } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { posixRuleOf } from '../posix-rule.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'
import { etag } from '../versions.ts'
import { addAccount, readAccount } from './commands.ts'
import { AccountCreate, AccountDocument, AccountOrPerson, presentAccount, presentPeer } from './schemas.ts'
import { personOfPath } from './subject.ts'

const params = z.object({ accountId: idOf('account') })

/** Whether the caller sees all of every account; others see a few members of those whom they work with. */
const seesAll = (c: AppContext): boolean => can(c.var.principal.actor, 'account:admin') === 'yes'

const createAccount = route(
  {
    operationId: 'createAccount',
    summary: 'Make an account, with its personal project',
    tags: ['accounts'],
    method: 'post',
    path: '/v1/accounts',
    right: 'account:admin',
    about: () => ({ kind: 'account', id: null }),
    creates: true,
    refusals: [409],
    request: { body: body(AccountCreate) },
    responses: { 201: json(AccountDocument, 'The account') },
  },
  async (c) => {
    const { services, intent } = c.var
    const rule = posixRuleOf(services.settings)
    const account = await addAccount(services.db, deedOf(c), intent, c.req.valid('json'), rule)
    const headers = { location: `/v1/accounts/${account.id}`, etag: etag(account.version) }
    return c.json(presentAccount(account), 201, headers)
  },
)

const search = line(100).openapi({
  description:
    'Words, each of which must be found. An admin searches names, addresses, organisations and identities; others names and organisations',
})
const AccountQuery = z.strictObject({
  ...pageQuery,
  search: search.optional(),
  role: z.enum(roles).optional().openapi({ description: 'For admins' }),
  disabled: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .openapi({ type: 'string', enum: ['true', 'false'], description: 'For admins' }),
})

const listAll = route(
  {
    operationId: 'listAccounts',
    summary: 'List accounts, the newest first',
    description:
      'An admin sees all of every account, disabled ones too. Everybody else sees the names and organisations of those whom ' +
      'they share a project with, and nothing of anybody else.',
    tags: ['accounts'],
    method: 'get',
    path: '/v1/accounts',
    right: 'account:list',
    request: { query: AccountQuery },
    refusals: [403],
    responses: { 200: json(pageOfItems(AccountOrPerson), 'A page of accounts') },
  },
  async (c) => {
    const { services, principal } = c.var
    const query = c.req.valid('query')
    const ask = pageAsk('accounts', query)
    if (seesAll(c)) {
      c.set('othersRead', true)
      return c.json(answerPage('accounts', await listAccounts(services.db, ask, query), presentAccount), 200)
    }
    if (query.role !== undefined || query.disabled !== undefined)
      throw new Problem('forbidden', 'Only an admin asks for accounts by role, or for disabled ones.')
    const page = await listPeers(services.db, principal.accountId, ask, query.search)
    return c.json(answerPage('accounts', page, presentPeer), 200)
  },
)

const getOne = route(
  {
    operationId: 'getAccount',
    summary: 'Read an account',
    description:
      'All of it of yourself, and for an admin; of those whom you share a project with, name and organisation. Anybody else ' +
      'is 404.',
    tags: ['accounts'],
    method: 'get',
    path: '/v1/accounts/{accountId}',
    right: 'account:read',
    subject: personOfPath,
    request: { params },
    responses: { 200: json(AccountOrPerson, 'The account') },
  },
  async (c) => {
    const { services, principal } = c.var
    const account = await readAccount(services.db, c.req.valid('param').accountId)
    const all = seesAll(c) || (account.id === principal.accountId && !principal.actor.actingFor)
    if (!all) return c.json(presentPeer(account), 200)
    return c.json(presentAccount(account), 200, { etag: etag(account.version) })
  },
)

export const accountRoutes = [createAccount, listAll, getOne]
