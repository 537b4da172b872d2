import { z } from '@hono/zod-openapi'
import { listAccounts } from '../../db/accounts.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, reason } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { addAccount, disable, erase, readAccount } from './commands.ts'
import { AccountCreate, AccountDocument, presentAccount } from './schemas.ts'
import { accountOfPath } from './subject.ts'

const params = z.object({ accountId: idOf('account') })

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
    request: { body: body(AccountCreate) },
    responses: { 201: json(AccountDocument, 'The account') },
  },
  async (c) => {
    const { services, intent } = c.var
    const account = await addAccount(services.db, deedOf(c), intent, c.req.valid('json'))
    return c.json(presentAccount(account), 201, { location: `/v1/accounts/${account.id}` })
  },
)

const listAll = route(
  {
    operationId: 'listAccounts',
    summary: 'List accounts, the newest first',
    tags: ['accounts'],
    method: 'get',
    path: '/v1/accounts',
    right: 'account:list',
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(AccountDocument), 'A page of accounts') },
  },
  async (c) => {
    c.set('othersRead', true)
    const page = await listAccounts(c.var.services.db, pageAsk('accounts', c.req.valid('query')))
    return c.json(answerPage('accounts', page, presentAccount), 200)
  },
)

const getOne = route(
  {
    operationId: 'getAccount',
    summary: 'Read an account',
    tags: ['accounts'],
    method: 'get',
    path: '/v1/accounts/{accountId}',
    right: 'account:read',
    subject: accountOfPath,
    request: { params },
    responses: { 200: json(AccountDocument, 'The account') },
  },
  async (c) => {
    const account = await readAccount(c.var.services.db, c.req.valid('param').accountId)
    return c.json(presentAccount(account), 200)
  },
)

const disableOne = route(
  {
    operationId: 'disableAccount',
    summary: 'Disable an account',
    description: 'Its tokens end at once and its sessions are asked to stop. Repeats change nothing.',
    tags: ['accounts'],
    method: 'post',
    path: '/v1/accounts/{accountId}/disable',
    right: 'account:admin',
    subject: accountOfPath,
    refusals: [409],
    request: { params },
    responses: { 200: json(AccountDocument, 'The account, disabled') },
  },
  async (c) => {
    const account = await disable(c.var.services.db, deedOf(c), c.req.valid('param').accountId)
    return c.json(presentAccount(account), 200)
  },
)

const eraseOne = route(
  {
    operationId: 'eraseAccount',
    summary: 'Have an account erased',
    description:
      'It is disabled at once: its tokens end and its sessions are asked to stop. When those have ended, what is personal in it ' +
      'is removed; what was used stays, of nobody. It cannot be taken back; repeats change nothing.',
    tags: ['accounts'],
    method: 'post',
    path: '/v1/accounts/{accountId}/erase',
    right: 'account:erase',
    subject: accountOfPath,
    reasoned: true,
    refusals: [409],
    request: { params, body: body(z.strictObject({ reason })) },
    responses: { 202: json(AccountDocument, 'The account, disabled; it will be erased') },
  },
  async (c) => {
    const account = await erase(c.var.services.db, deedOf(c), c.req.valid('param').accountId)
    return c.json(presentAccount(account), 202)
  },
)

export const accountRoutes = [createAccount, listAll, getOne, disableOne, eraseOne]
