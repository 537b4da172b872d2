import { z } from 'zod'
import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CallContext, CheckAsk, CheckedTemplate } from '../provider.ts'
import { checkVolumes } from './check-volumes.ts'
import { CloudError } from './cloud-error.ts'
import { keystoneTime } from './keystone-time.ts'
import type { Named } from './named.ts'
import { Refusal } from '../refusal.ts'
import type { Network } from './shapes.ts'
import type { Ground } from './surroundings.ts'

type Level = CheckFinding['level']
const finding = (code: CheckFinding['code'], level: Level, about: string): CheckFinding => ({ code, level, about })

export interface CheckDeps extends Ground {
  readonly named: Named
}

/** What is missing at the cloud, looked for without changing anything. */
export async function checkCloud(deps: CheckDeps, ask: CheckAsk, { signal }: CallContext): Promise<CheckFinding[]> {
  const signedIn = await found(() => credentials(deps, signal), 'keystone')
  // Without a token nothing else can be asked.
  if (signedIn.some(({ level }) => level === 'missing')) return signedIn
  const names = namesAsked(ask)
  const rest = await Promise.all([
    found(() => version(deps, signal), 'nova'),
    found(() => networks(deps, signal), 'neutron'),
    found(() => quotas(deps, signal), 'quotas'),
    ...names.flavors.map((name) => found(() => flavor(deps, name, signal), `flavor ${name}`)),
    ...names.images.map((name) => found(() => image(deps, name, signal), `image ${name}`)),
    found(() => checkVolumes(deps, ask, signal), 'cinder'),
  ])
  return [...signedIn, ...rest.flat(), ...ask.templates.flatMap((template) => unfit(deps, template))]
}

/** An answer that could not be had becomes a finding itself. */
async function found(look: () => Promise<CheckFinding[]>, about: string): Promise<CheckFinding[]> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    if (error.status === 401) return [finding('credentials_refused', 'missing', about)]
    if (error.status === 403) return [finding('permission_missing', 'missing', about)]
    if (error.status === 406) return [finding('version_unsupported', 'missing', about)]
    const answered = error.status !== null && error.status < 500
    return [answered ? finding('not_checked', 'warning', about) : finding('unreachable', 'missing', about)]
  }
}

const credentialShape = z.object({ application_credential: z.object({ expires_at: keystoneTime.nullish() }) })
const soonMs = 14 * 24 * 3_600_000

async function credentials({ api }: CheckDeps, signal: AbortSignal): Promise<CheckFinding[]> {
  const { cloud, userId, roles } = await api.token(signal)
  const findings: CheckFinding[] = []
  if (roles.length > 0 && roles.every((role) => role === 'reader'))
    findings.push(finding('permission_missing', 'missing', 'role member'))
  if (cloud.credentials.kind !== 'application_credential') return findings
  const path = `/users/${userId}/application_credentials/${encodeURIComponent(cloud.credentials.id)}`
  const expires = await api
    .get('identity', path, credentialShape, signal)
    .then((answer) => answer.application_credential.expires_at ?? null)
    .catch((error: unknown) => {
      // It need not be allowed to read itself.
      if (error instanceof CloudError && error.status !== null && error.status < 500) return null
      throw error
    })
  if (expires !== null && expires - Date.now() < soonMs)
    findings.push(finding('credentials_expiring', 'warning', 'application credential'))
  return findings
}

const limitsShape = z.object({
  limits: z.object({
    absolute: z.object({
      maxTotalInstances: z.int(),
      totalInstancesUsed: z.int(),
      maxTotalCores: z.int(),
      totalCoresUsed: z.int(),
      maxTotalRAMSize: z.int(),
      totalRAMUsed: z.int(),
    }),
  }),
})
const detail = z.object({ limit: z.int(), used: z.int() })
const networkQuotaShape = z.object({
  quota: z.object({ security_group: detail, security_group_rule: detail, port: detail, floatingip: detail }),
})

async function version({ api }: CheckDeps, signal: AbortSignal): Promise<CheckFinding[]> {
  // Any call tells: a Nova that is older refuses what is asked for with 406.
  await api.get('compute', '/flavors', z.unknown(), signal, { query: { limit: 1 } })
  return []
}

async function quotas({ api, settings }: CheckDeps, signal: AbortSignal): Promise<CheckFinding[]> {
  const { absolute } = (await api.get('compute', '/limits', limitsShape, signal)).limits
  const { projectId } = await api.token(signal)
  const { quota } = await api.get('network', `/quotas/${projectId}/details`, networkQuotaShape, signal)
  const left = (what: string, limit: number, used: number): CheckFinding[] =>
    limit >= 0 && limit - used <= 0 ? [finding('quota_exhausted', 'missing', what)] : []
  const own = (what: 'security_group' | 'security_group_rule' | 'port' | 'floatingip') =>
    left(what, quota[what].limit, quota[what].used)
  return [
    ...left('instances', absolute.maxTotalInstances, absolute.totalInstancesUsed),
    ...left('cores', absolute.maxTotalCores, absolute.totalCoresUsed),
    ...left('ram', absolute.maxTotalRAMSize, absolute.totalRAMUsed),
    ...own('security_group'),
    ...own('security_group_rule'),
    ...own('port'),
    ...(settings.floatingNetwork === undefined ? [] : own('floatingip')),
  ]
}

async function networks({ named, settings }: CheckDeps, signal: AbortSignal): Promise<CheckFinding[]> {
  const { network: inside, floatingNetwork: outside } = settings
  const look = async (name: string, judge: (network: Network) => CheckFinding[]) => {
    const network = await named.network(name, signal)
    return network === null ? [finding('named_missing', 'missing', `network ${name}`)] : judge(network)
  }
  const own = await look(inside, (network) =>
    network.port_security_enabled === false
      ? [finding('not_enforced', 'missing', `port security of network ${inside}`)]
      : [],
  )
  const groups: CheckFinding[] = []
  for (const name of Object.values(settings.egressGroups))
    if (name !== undefined && (await named.group(name, signal)) === null)
      groups.push(finding('named_missing', 'missing', `security group ${name}`))
  if (outside === undefined) return [...own, ...groups]
  const external = await look(outside, (network) =>
    network['router:external'] === true ? [] : [finding('named_missing', 'missing', `external network ${outside}`)],
  )
  return [...own, ...groups, ...external]
}

const flavor = async ({ named }: CheckDeps, name: string, signal: AbortSignal): Promise<CheckFinding[]> =>
  await refused(
    async () => {
      await named.flavor(name, signal)
      return []
    },
    finding('named_missing', 'missing', `flavor ${name}`),
  )

const image = async ({ named }: CheckDeps, name: string, signal: AbortSignal): Promise<CheckFinding[]> =>
  await refused(
    async () => {
      await named.image(name, signal)
      return []
    },
    finding('image_missing', 'missing', name),
  )

async function refused(look: () => Promise<CheckFinding[]>, otherwise: CheckFinding): Promise<CheckFinding[]> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof Refusal) return [otherwise]
    throw error
  }
}

/** What a template asks for that no look at the cloud is needed for. */
function unfit({ settings }: CheckDeps, { egress, sizes, terms }: CheckedTemplate): CheckFinding[] {
  const flavors = terms.openstack?.flavors ?? {}
  const without = sizes.filter(({ name }) => !Object.hasOwn(flavors, name))
  const noSite = egress === 'site' && settings.siteNetworks.length === 0
  return [
    ...(noSite ? [finding('named_missing', 'missing', 'siteNetworks')] : []),
    ...without.map(({ name }) => finding('named_missing', 'missing', `flavor of size ${name}`)),
  ]
}

/** Each name once, and no more than a check of seconds can ask for. */
function namesAsked({ templates }: CheckAsk): { readonly flavors: string[]; readonly images: string[] } {
  const distinct = (all: readonly string[]) => [...new Set(all)].slice(0, 50)
  return {
    flavors: distinct(templates.flatMap(({ terms }) => Object.values(terms.openstack?.flavors ?? {}))),
    images: distinct(templates.map((template) => template.image)),
  }
}
