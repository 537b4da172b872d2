import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { z } from 'zod'
import { readCloud } from '../../ports/compute/openstack/account.ts'
import { catalogShape, endpointOf, identityUrl } from '../../ports/compute/openstack/catalog.ts'
import type { Service } from '../../ports/compute/openstack/catalog.ts'
import { openstackSettings } from '../../ports/compute/openstack/settings.ts'
import type { OpenstackSettings } from '../../ports/compute/openstack/settings.ts'
import { signInBody } from '../../ports/compute/openstack/token.ts'

/** Which cloud, and what is in it: `OS_CLIENT_CONFIG_FILE` and `OS_CLOUD` as any client of OpenStack reads them, and names. */
export interface StandConfig {
  readonly cloudsFile: string
  readonly cloud: string
  readonly image: string
  readonly flavor: string
  /** Fits no machine. */
  readonly tooLarge: string
  readonly network: string
  readonly floatingNetwork: string
  /** CIDRs in which its servers' addresses lie. */
  readonly networks: readonly string[]
  /** A cloud of the same file that may administrate the first; `null`: none is known. */
  readonly adminCloud: string | null
  /** A cloud of the same file whose project may have one server, with its network; `null`: none is known. */
  readonly tiny: { readonly cloud: string; readonly network: string } | null
}

type Environment = Readonly<Record<string, string | undefined>>

export function standConfig(env: Environment = process.env): StandConfig {
  const cloudsFile = env['OS_CLIENT_CONFIG_FILE'] ?? ''
  const cloud = env['OS_CLOUD'] ?? ''
  if (cloudsFile === '' || cloud === '') throw new Error('OS_CLIENT_CONFIG_FILE and OS_CLOUD say which cloud is meant')
  const has = (name: string) => new RegExp(`^ {2}${name}:`, 'm').test(readFileSync(cloudsFile, 'utf8'))
  const named = (variable: string, fallback: string) => env[`CARREL_STAND_OPENSTACK_${variable}`] ?? fallback
  const [admin, tiny] = [named('ADMIN_CLOUD', 'admin'), named('TINY_CLOUD', 'tiny')]
  return {
    cloudsFile,
    cloud,
    image: named('IMAGE', 'dummy'),
    flavor: named('FLAVOR', 'm1.tiny'),
    tooLarge: named('FLAVOR_TOO_LARGE', 'm1.toolarge'),
    network: named('NETWORK', `${cloud}-net`),
    floatingNetwork: named('FLOATING_NETWORK', 'public'),
    networks: named('NETWORKS', '10.0.0.0/8,203.0.113.0/24').split(','),
    adminCloud: has(admin) ? admin : null,
    tiny: has(tiny) ? { cloud: tiny, network: named('TINY_NETWORK', `${tiny}-net`) } : null,
  }
}

export const settingsFor = (config: StandConfig, more: Readonly<Record<string, unknown>> = {}): OpenstackSettings =>
  openstackSettings.parse({
    cloudsFile: config.cloudsFile,
    cloud: config.cloud,
    network: config.network,
    gatewayNetworks: ['192.0.2.10/32'],
    // A stand shares its machine with all else that is tested.
    requestTimeoutMs: 60_000,
    lookAgainMs: 200,
    takeOverMs: 3_000,
    ...more,
  })

/** The cloud's own API, beside the driver. */
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
  /** Where a service is. */
  endpoint(service: Service): string
  close(): Promise<void>
}
export interface RawAnswer {
  readonly status: number
  readonly body: unknown
}

const tokenShape = z.object({
  token: z.object({ catalog: catalogShape, project: z.object({ id: z.string() }), user: z.object({ id: z.string() }) }),
})

/** Signs in as a cloud of the file. A token of the stand lives longer than any test. */
export async function openRaw(config: StandConfig, cloudName = config.cloud): Promise<RawCloud> {
  const cloud = readCloud(settingsFor(config, { cloud: cloudName }))
  const dispatcher = new Agent({ keepAliveTimeout: 1_000 })
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
  if (signedIn.status !== 201) throw new Error(`cannot sign in as ${cloudName}: ${signedIn.status}`)
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
    async call(service, method, path, body) {
      const base = service === 'identity' ? identity : endpoint(service)
      const headers = { 'x-auth-token': token, 'openstack-api-version': 'compute 2.60' }
      return await ask(method, `${base}${path}`, headers, body)
    },
    close: () => dispatcher.close(),
  }
}

const names = z.array(z.object({ id: z.string(), name: z.string().nullish(), description: z.string().nullish() }))

/** Everything of the deployment in the project: servers by tag, and all of Neutron's that speaks of it. */
export async function leftoversOf(raw: RawCloud, deploymentId: string): Promise<string[]> {
  const list = async (service: Service, path: string, kind: string) => {
    const { body } = await raw.call(service, 'GET', path)
    return names.parse((body as Record<string, unknown>)[kind])
  }
  const tag = encodeURIComponent(`carrel.deployment=${deploymentId}`)
  const [servers, ...others] = await Promise.all([
    list('compute', `/servers/detail?tags=${tag}`, 'servers'),
    ...(['ports', 'security_groups', 'floatingips'] as const).map(
      async (kind) =>
        [kind, await list('network', `/${kind.replace('_', '-')}?project_id=${raw.projectId}`, kind)] as const,
    ),
  ])
  return [
    ...servers.map(({ name }) => `server ${name}`),
    ...others.flatMap(([kind, all]) =>
      all
        .filter(({ description }) => (description ?? '').includes(deploymentId))
        .map(({ name, description }) => `${kind} ${name ?? description}`),
    ),
  ]
}
