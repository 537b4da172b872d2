import type { InstanceRef } from '../provider.ts'
import { isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { isMarked } from '../marks.ts'
import { objectName } from './names.ts'
import { pathOf } from './paths.ts'
import type { KubernetesSettings } from './settings.ts'
import { objectShape, podShape, serviceShape } from './shapes.ts'
import type { AnyObject, Pod, Service } from './shapes.ts'

/** What stands of an instance, in the namespace where it does. */
export interface Standing {
  readonly namespace: string
  /** Without its content. */
  readonly owner: AnyObject | null
  readonly pod: Pod | null
  readonly service: Service | null
}

/** Where an instance is made. */
export const namespaceFor = (settings: KubernetesSettings, projectId: string | undefined): string =>
  (projectId === undefined ? undefined : settings.projectNamespaces[projectId]) ?? settings.namespace

export const allNamespaces = ({ namespace, projectNamespaces }: KubernetesSettings): string[] => [
  ...new Set([namespace, ...Object.values(projectNamespaces)]),
]

/** Where an instance may be: what its create answered, or every place there is. */
export function placesOf(settings: KubernetesSettings, ref: InstanceRef): string[] {
  const known = ref.ids?.['namespace']
  return known === undefined ? allNamespaces(settings) : [known]
}

/** What is there of the instance. Throws `ApiError` where that cannot be said. */
export async function findStanding(
  api: Api,
  settings: KubernetesSettings,
  ref: InstanceRef,
  signal: AbortSignal,
): Promise<Standing | null> {
  const all = await Promise.all(
    placesOf(settings, ref).map(async (namespace) => await standingIn(api, settings, ref, namespace, signal)),
  )
  return all.find(({ owner, pod }) => owner !== null || pod !== null) ?? null
}

async function standingIn(
  api: Api,
  { endpoints }: KubernetesSettings,
  ref: InstanceRef,
  namespace: string,
  signal: AbortSignal,
): Promise<Standing> {
  const name = objectName(ref)
  const ours = <T extends AnyObject>(found: T | null): T | null =>
    found !== null && isMarked(found.metadata.labels, ref) ? found : null
  // The Pod before its owner: what goes for a pause was said there before.
  const [pod, service] = await Promise.all([
    orNull(api.get(pathOf(namespace, 'pods', name), podShape, signal)),
    endpoints === 'service' ? orNull(api.get(pathOf(namespace, 'services', name), serviceShape, signal)) : null,
  ])
  const owner = await orNull(api.metadata(pathOf(namespace, 'secrets', name), objectShape, signal))
  return { namespace, owner: ours(owner), pod: ours(pod), service: ours(service) }
}

/** `null`: the cluster says that it is not there. */
export async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (isStatus(error, 404)) return null
    throw error
  }
}
