import { z } from '@hono/zod-openapi'
import { listChecks } from '../../db/provider-checks.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, reason } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { preferenceOf } from '../prefer.ts'
import { route } from '../route.ts'
import { CheckDocument, presentCheck, readCheck, requestCheck } from './checks.ts'
import { providerOfPath } from './subject.ts'

const params = z.object({ providerId: idOf('provider') })

const check = route(
  {
    operationId: 'checkProvider',
    summary: 'Find out whether sessions could run at a provider',
    description:
      'Its worker looks at credentials, permissions, what is left there, and at what settings and templates name, and lists what is ' +
      'missing, in codes. Nothing is made or changed. Waits for its end as long as `Prefer: wait=N` says (seconds, 2 when left out, ' +
      'at most 60; `respond-async` is 0); what has not ended then is 202. 409 of a provider that is out of service.',
    tags: ['providers'],
    method: 'post',
    path: '/v1/providers/{providerId}/check',
    right: 'operate:write',
    subject: providerOfPath,
    creates: true,
    reasoned: true,
    refusals: [409],
    request: { params, body: body(z.strictObject({ reason })) },
    responses: {
      201: json(CheckDocument, 'It has ended; what was found'),
      202: json(CheckDocument, 'It has not ended yet'),
    },
  },
  async (c) => {
    const { services, intent, principal } = c.var
    const { providerId } = c.req.valid('param')
    const requestedBy = principal.accountId
    const id = await requestCheck(services.db, deedOf(c), intent, { providerId, requestedBy })
    const { waitMs, applied } = preferenceOf(c.req.header('prefer'))
    if (applied !== null) c.header('Preference-Applied', applied)
    await services.checked.wait(id, waitMs, c.req.raw.signal)
    const found = await readCheck(services.db, providerId, id)
    const headers = { location: `/v1/providers/${providerId}/checks/${id}` }
    const document = presentCheck(found)
    return found.endedAt === null ? c.json(document, 202, headers) : c.json(document, 201, headers)
  },
)

const listAll = route(
  {
    operationId: 'listProviderChecks',
    summary: 'List the checks of a provider, the newest first',
    description: 'They are kept for 30 days.',
    tags: ['providers'],
    method: 'get',
    path: '/v1/providers/{providerId}/checks',
    right: 'operate:read',
    subject: providerOfPath,
    request: { params, query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(CheckDocument), 'A page of checks') },
  },
  async (c) => {
    const page = await listChecks(
      c.var.services.db,
      c.req.valid('param').providerId,
      pageAsk('checks', c.req.valid('query')),
    )
    return c.json(answerPage('checks', page, presentCheck), 200)
  },
)

const getOne = route(
  {
    operationId: 'getProviderCheck',
    summary: 'Read a check of a provider and what it found',
    tags: ['providers'],
    method: 'get',
    path: '/v1/providers/{providerId}/checks/{checkId}',
    right: 'operate:read',
    subject: providerOfPath,
    request: { params: z.object({ providerId: idOf('provider'), checkId: idOf('check') }) },
    responses: { 200: json(CheckDocument, 'The check') },
  },
  async (c) => {
    const { providerId, checkId } = c.req.valid('param')
    return c.json(presentCheck(await readCheck(c.var.services.db, providerId, checkId)), 200)
  },
)

export const providerCheckRoutes = [check, listAll, getOne]
