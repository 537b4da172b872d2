import { z } from 'zod'
import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CheckAsk } from '../provider.ts'
import { ApiError } from './api-error.ts'
import type { Api } from './api.ts'
import { checkNamed } from './check-named.ts'
import { checkQuotas } from './check-quotas.ts'
import { allNamespaces } from './find.ts'
import type { Deps } from './inspect.ts'
import { gpuResource } from './objection.ts'
import type { KubernetesSettings } from './settings.ts'

/** What the driver does there: `deploy/kubernetes/role.yaml` grants this and no more. */
export const needed: readonly {
  readonly group: string
  readonly resource: string
  readonly verbs: readonly string[]
}[] = [
  { group: '', resource: 'pods', verbs: ['get', 'list', 'create', 'delete'] },
  { group: '', resource: 'pods/log', verbs: ['get'] },
  { group: '', resource: 'secrets', verbs: ['get', 'list', 'create', 'patch', 'delete'] },
  { group: '', resource: 'services', verbs: ['get', 'list', 'create', 'patch', 'delete'] },
  { group: '', resource: 'persistentvolumeclaims', verbs: ['get', 'list', 'create', 'patch', 'delete'] },
  { group: 'networking.k8s.io', resource: 'networkpolicies', verbs: ['get', 'list', 'create', 'patch', 'delete'] },
  { group: '', resource: 'events', verbs: ['list'] },
  { group: '', resource: 'resourcequotas', verbs: ['list'] },
]

const versionShape = z.object({ major: z.string(), minor: z.string() })
const reviewShape = z.object({ status: z.object({ allowed: z.boolean().default(false) }) })
const day = 24 * 3_600_000

/** What is missing at the cluster for sessions to run. Makes nothing: reviews of access are questions, and what is only tried too. */
export async function checkCluster(
  { api, settings }: Deps,
  ask: CheckAsk,
  signal: AbortSignal,
): Promise<CheckFinding[]> {
  if (!(await areReadable(api))) return [{ code: 'credentials_refused', level: 'missing', about: namedIn(settings) }]
  try {
    const { minor } = await api.get('/version', versionShape, signal)
    const found: CheckFinding[] = [...fromSettings(settings, ask), ...fromClock(api.skewMs())]
    if (Number.parseInt(minor, 10) < 25)
      found.push({ code: 'version_unsupported', level: 'missing', about: 'API server' })
    for (const namespace of allNamespaces(settings)) {
      const refused = await permissionsMissing(api, namespace, signal)
      found.push(...refused)
      if (refused.length > 0) continue
      found.push(...(await checkQuotas({ api, settings }, ask, namespace, signal)))
      found.push(...(await checkNamed({ api, settings }, namespace, signal)))
    }
    return [...found, ...expiry(await api.token(), api.now(), settings.token === undefined)]
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const isRefused = error.status === 401 || error.status === 403
    return [{ code: isRefused ? 'credentials_refused' : 'unreachable', level: 'missing' }]
  }
}

/** Whether the worker can tell who it is to the cluster: nobody was asked yet. */
const areReadable = async (api: Api): Promise<boolean> =>
  await api.token().then(
    () => true,
    () => false,
  )

/** What says who Carrel is. */
const namedIn = ({ kubeconfig, inCluster }: KubernetesSettings): string =>
  kubeconfig !== undefined ? 'kubeconfig' : inCluster ? 'inCluster' : 'tokenFile'

function fromSettings(settings: KubernetesSettings, { templates }: CheckAsk): CheckFinding[] {
  const found: CheckFinding[] = []
  if (!settings.networkPoliciesEnforced)
    found.push({ code: 'not_enforced', level: 'warning', about: 'network policies' })
  for (const { image, sizes, egress, terms } of templates) {
    if (gpuResource({ terms }, settings) === undefined && sizes.some(({ gpus }) => gpus > 0))
      found.push({ code: 'named_missing', level: 'missing', about: `gpuResource for ${image}` })
    if (egress === 'site' && settings.siteNetworks.length === 0)
      found.push({ code: 'named_missing', level: 'missing', about: `siteNetworks for ${image}` })
  }
  return found
}

const fromClock = (skewMs: number | null): CheckFinding[] =>
  skewMs !== null && Math.abs(skewMs) > 30_000 ? [{ code: 'clock_skewed', level: 'warning', about: 'API server' }] : []

async function permissionsMissing(api: Api, namespace: string, signal: AbortSignal): Promise<CheckFinding[]> {
  const asked = needed.flatMap(({ group, resource, verbs }) => verbs.map((verb) => ({ group, resource, verb })))
  const findings = await Promise.all(
    asked.map(async ({ group, resource, verb }): Promise<CheckFinding[]> => {
      const [name, subresource] = resource.split('/')
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: {
          resourceAttributes: {
            namespace,
            group,
            resource: name,
            verb,
            ...(subresource === undefined ? {} : { subresource }),
          },
        },
      }
      const { status } = await api.create(
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body,
        reviewShape,
        signal,
      )
      if (status.allowed) return []
      return [{ code: 'permission_missing', level: 'missing', about: `${verb} ${resource} in ${namespace}` }]
    }),
  )
  return findings.flat()
}

/** A token that says when it ends, and will soon. One that is written anew as long as it is good counts as young for most of its life. */
function expiry(token: string | null, now: number, isRenewed: boolean): CheckFinding[] {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString())
    const { exp, iat = 0 } = z.object({ exp: z.number(), iat: z.number().optional() }).parse(claims)
    // A cluster renews the tokens of its Pods when four fifths are over.
    const soonMs = isRenewed ? Math.min(day, (exp - iat) * 200) : day
    return exp * 1_000 - now < soonMs ? [{ code: 'credentials_expiring', level: 'warning', about: 'token' }] : []
  } catch {
    return []
  }
}
