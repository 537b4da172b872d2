import { z } from 'zod'
import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CallContext, CheckAsk } from '../provider.ts'
import { checkTemplates } from './check-templates.ts'
import { CloudError } from './cloud-error.ts'
import { found, missing, warning } from './findings.ts'
import { keystoneTime } from './keystone-time.ts'
import { createNamed } from './named.ts'
import type { Named } from './named.ts'
import type { Network } from './shapes.ts'
import type { Ground } from './surroundings.ts'

/** What is missing at the cloud, looked for without changing anything. */
export async function checkCloud(ground: Ground, ask: CheckAsk, { signal }: CallContext): Promise<CheckFinding[]> {
  const signedIn = await found(() => credentials(ground, signal), 'keystone')
  // Without a token nothing else can be asked.
  if (signedIn.some(({ level }) => level === 'missing')) return signedIn
  // What was found some minutes ago need not be there now.
  const named = createNamed(ground.api)
  const rest = await Promise.all([
    found(() => version(ground, signal), 'nova'),
    found(() => networks(ground, named, signal), 'neutron'),
    found(() => computeQuotas(ground, signal), 'quotas of nova'),
    found(() => networkQuotas(ground, signal), 'quotas of neutron'),
    checkTemplates(ground, named, ask, signal),
  ])
  return [...signedIn, ...rest.flat()]
}

const credentialShape = z.object({ application_credential: z.object({ expires_at: keystoneTime.nullish() }) })
const soonMs = 14 * 24 * 3_600_000

async function credentials({ api }: Ground, signal: AbortSignal): Promise<CheckFinding[]> {
  const { cloud, userId, roles } = await api.token(signal)
  const findings: CheckFinding[] = []
  if (roles.length > 0 && roles.every((role) => role === 'reader'))
    findings.push(missing('permission_missing', 'role member'))
  if (cloud.credentials.kind !== 'application_credential') return findings
  const path = `/users/${encodeURIComponent(userId)}/application_credentials/${encodeURIComponent(cloud.credentials.id)}`
  const expires = await api
    .get('identity', path, credentialShape, signal)
    .then((answer) => answer.application_credential.expires_at ?? null)
    .catch((error: unknown) => {
      // It need not be allowed to read itself.
      if (error instanceof CloudError && error.status !== null && error.status < 500) return null
      throw error
    })
  if (expires !== null && expires - Date.now() < soonMs)
    findings.push(warning('credentials_expiring', 'application credential'))
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

async function version({ api }: Ground, signal: AbortSignal): Promise<CheckFinding[]> {
  // Any call tells: a Nova that is older refuses what is asked for with 406.
  await api.get('compute', '/flavors', z.unknown(), signal, { query: { limit: 1 } })
  return []
}

const exhausted = (what: string, limit: number, used: number): CheckFinding[] =>
  limit >= 0 && limit - used <= 0 ? [missing('quota_exhausted', what)] : []

async function computeQuotas({ api }: Ground, signal: AbortSignal): Promise<CheckFinding[]> {
  const { absolute } = (await api.get('compute', '/limits', limitsShape, signal)).limits
  return [
    ...exhausted('instances', absolute.maxTotalInstances, absolute.totalInstancesUsed),
    ...exhausted('cores', absolute.maxTotalCores, absolute.totalCoresUsed),
    ...exhausted('ram', absolute.maxTotalRAMSize, absolute.totalRAMUsed),
  ]
}

async function networkQuotas({ api, settings }: Ground, signal: AbortSignal): Promise<CheckFinding[]> {
  const { projectId } = await api.token(signal)
  const { quota } = await api.get('network', `/quotas/${projectId}/details`, networkQuotaShape, signal)
  const kinds = ['security_group', 'security_group_rule', 'port'] as const
  const all = settings.floatingNetwork === undefined ? kinds : ([...kinds, 'floatingip'] as const)
  return all.flatMap((kind) => exhausted(kind, quota[kind].limit, quota[kind].used))
}

async function networks({ settings }: Ground, named: Named, signal: AbortSignal): Promise<CheckFinding[]> {
  const { network: inside, floatingNetwork: outside } = settings
  const look = async (name: string, judge: (network: Network) => CheckFinding[]) => {
    const network = await named.network(name, signal)
    return network === null ? [missing('named_missing', `network ${name}`)] : judge(network)
  }
  const own = await look(inside, (network) =>
    network.port_security_enabled === false ? [missing('not_enforced', `port security of network ${inside}`)] : [],
  )
  const groups: CheckFinding[] = []
  for (const name of Object.values(settings.egressGroups))
    if (name !== undefined && (await named.group(name, signal)) === null)
      groups.push(missing('named_missing', `security group ${name}`))
  if (outside === undefined) return [...own, ...groups]
  const external = await look(outside, (network) =>
    network['router:external'] === true ? [] : [missing('named_missing', `external network ${outside}`)],
  )
  return [...own, ...groups, ...external]
}
