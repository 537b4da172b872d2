import { z } from '@hono/zod-openapi'
import type { Account } from '../../db/accounts.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, reason } from '../fields.ts'
import { posixRuleOf } from '../posix-rule.ts'
import { route } from '../route.ts'
import { etag, ifMatch } from '../versions.ts'
import { assignPosix, assignRoles, disable, enable, erase, patch } from './changing.ts'
import { AccountDocument, AccountPatch, PosixPut, presentAccount, RolesPut } from './schemas.ts'
import { accountOfPath } from './subject.ts'

const params = z.object({ accountId: idOf('account') })
const tagged = (account: Account) => [presentAccount(account), 200, { etag: etag(account.version) }] as const

const disableOne = route(
  {
    operationId: 'disableAccount',
    summary: 'Disable an account',
    description:
      'Its tokens end at once and for good, its browsers are signed out, and what it has open is cut. Its sessions become ' +
      "`transferTo`'s, each where that account may have it as `POST /v1/sessions/{id}/transfer` says, and are asked to stop " +
      'else. The last admin stays. Repeats change nothing.',
    tags: ['accounts'],
    method: 'post',
    path: '/v1/accounts/{accountId}/disable',
    right: 'account:admin',
    subject: accountOfPath,
    refusals: [409],
    request: {
      params,
      query: z.strictObject({
        transferTo: idOf('account').optional().openapi({ description: 'Who gets its sessions' }),
      }),
    },
    responses: { 200: json(AccountDocument, 'The account, disabled') },
  },
  async (c) => {
    const heir = c.req.valid('query').transferTo ?? null
    return c.json(...tagged(await disable(c.var.services, deedOf(c), c.req.valid('param').accountId, heir)))
  },
)

const enableOne = route(
  {
    operationId: 'enableAccount',
    summary: 'Enable a disabled account again',
    description: 'Its tokens stay ended: it signs in, or asks for new ones. Repeats change nothing.',
    tags: ['accounts'],
    method: 'post',
    path: '/v1/accounts/{accountId}/enable',
    right: 'account:admin',
    subject: accountOfPath,
    refusals: [409],
    request: { params },
    responses: { 200: json(AccountDocument, 'The account, enabled') },
  },
  async (c) => c.json(...tagged(await enable(c.var.services.db, deedOf(c), c.req.valid('param').accountId))),
)

const patchOne = route(
  {
    operationId: 'patchAccount',
    summary: "Change an account's names, address, organisation and groups",
    description: 'What is left out stays. Organisation and groups decide which templates the account sees.',
    tags: ['accounts'],
    method: 'patch',
    path: '/v1/accounts/{accountId}',
    right: 'account:admin',
    subject: accountOfPath,
    replaces: true,
    refusals: [409],
    request: { params, body: body(AccountPatch) },
    responses: { 200: json(AccountDocument, 'The account') },
  },
  async (c) => {
    const { accountId } = c.req.valid('param')
    const set = c.req.valid('json')
    return c.json(...tagged(await patch(c.var.services.db, deedOf(c), accountId, set, ifMatch(c))))
  },
)

const putRoles = route(
  {
    operationId: 'putAccountRoles',
    summary: "Set an account's roles",
    description: 'They count from its next request on. 409 where it is the last admin and would be none any more.',
    tags: ['accounts'],
    method: 'put',
    path: '/v1/accounts/{accountId}/roles',
    right: 'account:admin',
    subject: accountOfPath,
    replaces: true,
    refusals: [409],
    request: { params, body: body(RolesPut) },
    responses: { 200: json(AccountDocument, 'The account') },
  },
  async (c) => {
    const { accountId } = c.req.valid('param')
    const { roles } = c.req.valid('json')
    return c.json(...tagged(await assignRoles(c.var.services.db, deedOf(c), accountId, roles, ifMatch(c))))
  },
)

const putPosix = route(
  {
    operationId: 'putAccountPosix',
    summary: 'Say who an account is to file systems',
    description:
      'No sign-in and no directory changes what an admin says, until it is set to `null`. What starts from now on runs as it; ' +
      'what runs, runs on as it did. Numbers below the minimum of the site are refused, 0 always; a user that another account ' +
      'is, too (409 `posix_taken`), unless both are `shared`.',
    tags: ['accounts'],
    method: 'put',
    path: '/v1/accounts/{accountId}/posix',
    right: 'account:admin',
    subject: accountOfPath,
    replaces: true,
    refusals: [409],
    request: { params, body: body(PosixPut) },
    responses: { 200: json(AccountDocument, 'The account') },
  },
  async (c) => {
    const { services } = c.var
    const how = { rule: posixRuleOf(services.settings), versions: ifMatch(c) }
    const { accountId } = c.req.valid('param')
    return c.json(...tagged(await assignPosix(services.db, deedOf(c), accountId, c.req.valid('json'), how)))
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

export const accountStandingRoutes = [disableOne, enableOne, patchOne, putRoles, putPosix, eraseOne]
