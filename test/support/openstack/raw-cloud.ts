import { Agent, request } from 'undici'
import { z } from 'zod'
import { readAuthorities, readCloud } from '../../../ports/compute/openstack/account.ts'
import { catalogShape, endpointOf, identityUrl } from '../../../ports/compute/openstack/catalog.ts'
import type { Service } from '../../../ports/compute/openstack/catalog.ts'
import type { OpenstackSettings } from '../../../ports/compute/openstack/settings.ts'
import { signInBody } from '../../../ports/compute/openstack/token.ts'

/** A cloud's own API, beside the driver. */
export interface RawCloud {
  readonly projectId: string
  readonly userId: string
  readonly token: string
  call(
    service: Service | 'identity',
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<RawAnswer>
  /** Where a service is; throws where the cloud has none. */
  endpoint(service: Service): string
  has(service: Service): boolean
  close(): Promise<void>
}
export interface RawAnswer {
  readonly status: number
  readonly body: unknown
}

const tokenShape = z.object({
  token: z.object({ catalog: catalogShape, project: z.object({ id: z.string() }), user: z.object({ id: z.string() }) }),
})

/** Signs in as the settings say, once: its token lives longer than any test. */
export async function openRawCloud(settings: OpenstackSettings): Promise<RawCloud> {
  const cloud = readCloud(settings)
  const ca = readAuthorities(settings, cloud)
  const connect = { rejectUnauthorized: cloud.verify, ...(ca === undefined ? {} : { ca }) }
  const dispatcher = new Agent({ keepAliveTimeout: 1_000, connect })
  const ask = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    headers: Record<string, string>,
    body?: unknown,
  ) => {
    const answer = await request(url, {
      dispatcher,
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headersTimeout: 120_000,
    })
    const text = await answer.body.text()
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: (text === '' ? null : JSON.parse(text)) as unknown,
    }
  }
  const identity = identityUrl(cloud.authUrl)
  const signedIn = await ask('POST', `${identity}/auth/tokens`, {}, signInBody(cloud.credentials))
  if (signedIn.status !== 201) throw new Error(`cannot sign in at ${identity}: ${signedIn.status}`)
  const { catalog, project, user } = tokenShape.parse(signedIn.body).token
  const token = String(signedIn.headers['x-subject-token'])
  const endpoint = (service: Service) => {
    const url = endpointOf(catalog, service, cloud)
    if (url === null) throw new Error(`this cloud has no ${service}`)
    return url
  }
  return {
    projectId: project.id,
    userId: user.id,
    token,
    endpoint,
    has: (service) => endpointOf(catalog, service, cloud) !== null,
    async call(service, method, path, body) {
      const base = service === 'identity' ? identity : endpoint(service)
      // Cinder refuses a version of anybody else's words.
      const version = service === 'compute' ? { 'openstack-api-version': 'compute 2.60' } : {}
      const headers = { 'x-auth-token': token, ...version }
      return await ask(method, `${base}${path}`, headers, body)
    },
    close: () => dispatcher.close(),
  }
}
