import { z } from '@hono/zod-openapi'
import { pageOfProviders } from '../../db/provider-overview.ts'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, reason } from '../fields.ts'
import { answerPage, pageAsk, pageOfItems, pageQuery } from '../paging.ts'
import { route } from '../route.ts'
import { etag } from '../versions.ts'
import { drain, readProvider, undrain } from './commands.ts'
import { presentProvider, ProviderDocument } from './schemas.ts'
import { providerOfPath } from './subject.ts'

const params = z.object({ providerId: idOf('provider') })

const listAll = route(
  {
    operationId: 'listProviders',
    summary: 'List providers, in the order of their ids',
    tags: ['providers'],
    method: 'get',
    path: '/v1/providers',
    right: 'operate:read',
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json(pageOfItems(ProviderDocument), 'A page of providers') },
  },
  async (c) => {
    const page = await pageOfProviders(c.var.services.db, pageAsk('providers', c.req.valid('query')))
    return c.json(answerPage('providers', page, presentProvider), 200)
  },
)

const getOne = route(
  {
    operationId: 'getProvider',
    summary: 'Read how a provider is: its breaker, what it holds, its sweep and what differs there',
    tags: ['providers'],
    method: 'get',
    path: '/v1/providers/{providerId}',
    right: 'operate:read',
    subject: providerOfPath,
    request: { params },
    responses: { 200: json(ProviderDocument, 'The provider') },
  },
  async (c) => {
    const provider = await readProvider(c.var.services.db, c.req.valid('param').providerId)
    c.header('etag', etag(provider.version))
    return c.json(presentProvider(provider), 200)
  },
)

const drainOne = route(
  {
    operationId: 'drainProvider',
    summary: 'Let no session begin at a provider',
    description:
      'What runs goes on, and what ends is cleaned up. What waits there shows `provider_unavailable`; new sessions are placed ' +
      'elsewhere, or refused where there is no other. Repeats change nothing.',
    tags: ['providers'],
    method: 'post',
    path: '/v1/providers/{providerId}/drain',
    right: 'operate:write',
    subject: providerOfPath,
    reasoned: true,
    request: { params, body: body(z.strictObject({ reason })) },
    responses: { 200: json(ProviderDocument, 'The provider, draining') },
  },
  async (c) => {
    const provider = await drain(c.var.services.db, deedOf(c), c.req.valid('param').providerId)
    return c.json(presentProvider(provider), 200)
  },
)

const undrainOne = route(
  {
    operationId: 'undrainProvider',
    summary: 'Let sessions begin at a provider again',
    description: 'Those that wait begin as the provider has room. Repeats change nothing.',
    tags: ['providers'],
    method: 'post',
    path: '/v1/providers/{providerId}/undrain',
    right: 'operate:write',
    subject: providerOfPath,
    reasoned: true,
    request: { params, body: body(z.strictObject({ reason })) },
    responses: { 200: json(ProviderDocument, 'The provider, not draining') },
  },
  async (c) => {
    const provider = await undrain(c.var.services.db, deedOf(c), c.req.valid('param').providerId)
    return c.json(presentProvider(provider), 200)
  },
)

export const providerRoutes = [listAll, getOne, drainOne, undrainOne]
