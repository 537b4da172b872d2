import { ProviderUnreachable } from '../provider.ts'
import type { InstanceState, ObservedInstance } from '../provider.ts'
import { ApiError, isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { allNamespaces } from './find.ts'
import type { Deps } from './inspect.ts'
import { withoutPod } from './inspect.ts'
import { instanceState } from './instance-state.ts'
import { identityOf } from '../marks.ts'
import { isNameOf, selector, stageOf } from './names.ts'
import { pathOf } from './paths.ts'
import type { Kind } from './paths.ts'
import { itemsShape, objectShape, podShape, serviceShape } from './shapes.ts'
import type { AnyObject, Pod, Service } from './shapes.ts'
import { readPod } from './states.ts'
import type { z } from 'zod'

/** How often a list that the cluster forgot half way is begun anew. */
const beginnings = 3

/**
 * Every instance of the deployment, also one of which only the owner is there, or only what stood around its Pod. That is listed
 * before owners, and owners before Pods: one that is made meanwhile shows its owner and its Pod, and what is missing then was lost.
 */
export async function* listInstances(
  deps: Deps,
  deploymentId: string,
  signal: AbortSignal,
): AsyncGenerator<ObservedInstance> {
  const { api, settings } = deps
  const all = async <S extends z.ZodType<AnyObject>>(kind: Kind, shape: S, namespace: string, namesOnly = false) =>
    await whole(api, settings.pageSize, pathOf(namespace, kind), shape, namesOnly, deploymentId, signal)
  const names = async (kind: Kind, namespace: string) => await all(kind, objectShape, namespace, true)
  try {
    for (const namespace of allNamespaces(settings)) {
      const byService = settings.endpoints === 'service'
      const [policies, claims, serviceNames, services] = await Promise.all([
        names('networkpolicies', namespace),
        names('persistentvolumeclaims', namespace),
        byService ? [] : names('services', namespace),
        byService ? all('services', serviceShape, namespace) : [],
      ])
      const owners = await names('secrets', namespace)
      const pods = await all('pods', podShape, namespace)
      const around = [...policies, ...claims, ...serviceNames, ...services]
      yield* observed(deps, { namespace, around, owners, pods, services })
    }
  } catch (error) {
    if (error instanceof ApiError) throw new ProviderUnreachable(error.message)
    throw error
  }
}

interface Listed {
  readonly namespace: string
  /** What stands around Pods: network rules, claims and services. */
  readonly around: readonly AnyObject[]
  readonly owners: readonly AnyObject[]
  readonly pods: readonly Pod[]
  readonly services: readonly Service[]
}

function* observed(deps: Deps, { namespace, around, owners, pods, services }: Listed): Generator<ObservedInstance> {
  const ground = { settings: deps.settings, networks: deps.networks, now: deps.api.now() }
  const named = <T extends AnyObject>(objects: readonly T[]) => new Map(objects.map((o) => [o.metadata.name, o]))
  const [ownerOf, podOf, serviceOf] = [named(owners), named(pods), named(services)]
  const stateOf = (name: string): InstanceState => {
    const [owner, pod] = [ownerOf.get(name), podOf.get(name)]
    const stage = owner === undefined ? null : stageOf(owner.metadata.labels)
    if (pod !== undefined)
      return instanceState(
        readPod(pod, stage, ground.now),
        { pod, service: serviceOf.get(name) ?? null, stage },
        ground,
      )
    return owner === undefined ? remains : halfState(withoutPod(stage, owner.metadata.deletionTimestamp !== undefined))
  }
  // Of each name the owner tells whose it is, where there is one.
  for (const [name, { metadata }] of named([...around, ...pods, ...owners])) {
    const identity = identityOf(metadata.labels)
    if (identity === null || !isNameOf(name, identity)) continue
    const { sessionId, generation, ...ref } = identity
    const owner = ownerOf.get(name)
    const ids = { namespace, ...(owner === undefined ? {} : { owner: owner.metadata.uid }) }
    yield { ref: { ...ref, ids }, sessionId, generation, state: stateOf(name) }
  }
}

/** The cluster ends what loses its owner, but not where somebody had it let go, or brought it back from a backup. */
const remains: InstanceState = { kind: 'exited', exitCode: null, outOfMemory: false, reason: 'instance_lost' }

/** A list tells of what stands: that the rest of it was lost is found out by an inspection. */
const halfState = (state: InstanceState): InstanceState =>
  state.kind === 'absent' ? { kind: 'pending', reason: 'its Pod is missing' } : state

async function whole<S extends z.ZodType>(
  api: Api,
  limit: number,
  path: string,
  shape: S,
  namesOnly: boolean,
  deploymentId: string,
  signal: AbortSignal,
): Promise<z.output<S>[]> {
  const schema = itemsShape(shape)
  for (let beginning = 1; ; beginning++) {
    try {
      const items: z.output<S>[] = []
      let next = ''
      do {
        const query = { labelSelector: selector(deploymentId), limit, ...(next === '' ? {} : { continue: next }) }
        const page = namesOnly
          ? await api.metadata(path, schema, signal, query)
          : await api.get(path, schema, signal, query)
        items.push(...page.items)
        if (next !== '' && page.metadata.continue === next) throw new ApiError(null, 'a list that has no end')
        next = page.metadata.continue
      } while (next !== '')
      return items
    } catch (error) {
      if (!isStatus(error, 410) || beginning >= beginnings) throw error
    }
  }
}
