import { z } from '@hono/zod-openapi'
import { body, json } from '../answers.ts'
import { deedOf } from '../env.ts'
import { idOf, reason } from '../fields.ts'
import { route } from '../route.ts'
import { etag, ifMatch } from '../versions.ts'
import { createProvider, disable, enable, patchProvider } from './registry.ts'
import { ProviderCreate, ProviderPatch } from './registry-schemas.ts'
import { presentProvider, ProviderDocument } from './schemas.ts'
import { providerOfNewBody, providerOfPath } from './subject.ts'

const params = z.object({ providerId: idOf('provider') })
const unsaid = ['settings', 'secrets'] as const

const create = route(
  {
    operationId: 'createProvider',
    summary: 'Make a provider: another cluster, cloud or machine where sessions run',
    description:
      'Workers whose roles cover it (`provider/*` or `provider/<id>`) open it within seconds. Its settings are a closed schema per ' +
      'kind; its backend and its sessions lie in the networks that the deployment allows for providers. With `draining` no session ' +
      'begins there before it was checked and undrained. A provider is never deleted, for sessions and usage name it: disable it.',
    tags: ['providers'],
    method: 'post',
    path: '/v1/providers',
    right: 'provider:admin',
    about: providerOfNewBody,
    creates: true,
    reasoned: true,
    unsaid,
    refusals: [409],
    request: { body: body(ProviderCreate) },
    responses: { 201: json(ProviderDocument, 'The provider') },
  },
  async (c) => {
    const { services, intent } = c.var
    const provider = await createProvider(services, deedOf(c), intent, c.req.valid('json'))
    c.header('etag', etag(provider.version))
    return c.json(presentProvider(provider), 201, { location: `/v1/providers/${provider.id}` })
  },
)

const patch = route(
  {
    operationId: 'patchProvider',
    summary: 'Change a provider',
    description:
      'Workers open it anew, and what runs there goes on. `settings` and `secrets` are replaced as a whole; whoever changes the ' +
      'settings gives the secrets again, for they go nowhere but where they were given for. 409 `configured` of one that the ' +
      "site's configuration made.",
    tags: ['providers'],
    method: 'patch',
    path: '/v1/providers/{providerId}',
    right: 'provider:admin',
    subject: providerOfPath,
    replaces: true,
    reasoned: true,
    unsaid,
    refusals: [409],
    request: { params, body: body(ProviderPatch) },
    responses: { 200: json(ProviderDocument, 'The provider as it is now') },
  },
  async (c) => {
    const { providerId } = c.req.valid('param')
    const provider = await patchProvider(c.var.services, deedOf(c), providerId, c.req.valid('json'), ifMatch(c))
    c.header('etag', etag(provider.version))
    return c.json(presentProvider(provider), 200)
  },
)

const disableOne = route(
  {
    operationId: 'disableProvider',
    summary: 'Take a provider out of service',
    description:
      'No session begins there. What runs goes on, and what ends is cleaned up: workers serve it until it holds nothing. Repeats ' +
      "change nothing. 409 `configured` of one that the site's configuration made: drain it, or take it out there.",
    tags: ['providers'],
    method: 'post',
    path: '/v1/providers/{providerId}/disable',
    right: 'provider:admin',
    subject: providerOfPath,
    reasoned: true,
    refusals: [409],
    request: { params, body: body(z.strictObject({ reason })) },
    responses: { 200: json(ProviderDocument, 'The provider, out of service') },
  },
  async (c) => {
    const provider = await disable(c.var.services.db, deedOf(c), c.req.valid('param').providerId)
    return c.json(presentProvider(provider), 200)
  },
)

const enableOne = route(
  {
    operationId: 'enableProvider',
    summary: 'Put a provider into service again',
    description: 'Those that wait begin as it has room. Repeats change nothing. 409 `configured` as for disabling it.',
    tags: ['providers'],
    method: 'post',
    path: '/v1/providers/{providerId}/enable',
    right: 'provider:admin',
    subject: providerOfPath,
    reasoned: true,
    refusals: [409],
    request: { params, body: body(z.strictObject({ reason })) },
    responses: { 200: json(ProviderDocument, 'The provider, in service') },
  },
  async (c) => {
    const provider = await enable(c.var.services.db, deedOf(c), c.req.valid('param').providerId)
    return c.json(presentProvider(provider), 200)
  },
)

export const providerRegistryRoutes = [create, patch, disableOne, enableOne]
