import { ProviderUnreachable } from '../provider.ts'
import type { InstanceState, ObservedInstance } from '../provider.ts'
import { ApiError, isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { allNamespaces } from './find.ts'
import type { Deps } from './inspect.ts'
import { withoutPod } from './inspect.ts'
import { instanceState } from './instance-state.ts'
import { identityOf } from '../marks.ts'
import { selector, stageOf } from './names.ts'
import { pathOf } from './paths.ts'
import type { Kind } from './paths.ts'
import { itemsShape, objectShape, podShape, serviceShape } from './shapes.ts'
import type { AnyObject, Pod, Service } from './shapes.ts'
import { readPod } from './states.ts'
import type { z } from 'zod'

/** How often a list that the cluster forgot half way is begun anew. */
const beginnings = 3

/**
 * Every instance of the deployment, also one of which only the owner is there. Owners are listed before Pods: one that is made
 * meanwhile shows its Pod, and one whose Pod is missing then has lost it.
 */
export async function* listInstances(
  deps: Deps,
  deploymentId: string,
  signal: AbortSignal,
): AsyncGenerator<ObservedInstance> {
  const { api, settings } = deps
  const all = async <S extends z.ZodType<AnyObject>>(kind: Kind, shape: S, namespace: string) =>
    await whole(api, settings.pageSize, pathOf(namespace, kind), shape, kind === 'secrets', deploymentId, signal)
  try {
    for (const namespace of allNamespaces(settings)) {
      const owners = await all('secrets', objectShape, namespace)
      const services = settings.endpoints === 'service' ? await all('services', serviceShape, namespace) : []
      const pods = await all('pods', podShape, namespace)
      yield* observed(deps, { namespace, owners, pods, services })
    }
  } catch (error) {
    if (error instanceof ApiError) throw new ProviderUnreachable(error.message)
    throw error
  }
}

interface Listed {
  readonly namespace: string
  readonly owners: readonly AnyObject[]
  readonly pods: readonly Pod[]
  readonly services: readonly Service[]
}

function* observed(deps: Deps, { namespace, owners, pods, services }: Listed): Generator<ObservedInstance> {
  const ground = { settings: deps.settings, networks: deps.networks, now: deps.api.now() }
  const named = <T extends AnyObject>(objects: readonly T[]) => new Map(objects.map((o) => [o.metadata.name, o]))
  const [ownerOf, podOf, serviceOf] = [named(owners), named(pods), named(services)]
  for (const name of new Set([...ownerOf.keys(), ...podOf.keys()])) {
    const [owner, pod] = [ownerOf.get(name), podOf.get(name)]
    const identity = identityOf((owner ?? pod)?.metadata.labels ?? {})
    if (identity === null) continue
    const stage = owner === undefined ? null : stageOf(owner.metadata.labels)
    const state =
      pod === undefined
        ? halfState(withoutPod(stage, owner?.metadata.deletionTimestamp !== undefined))
        : instanceState(readPod(pod, stage), { pod, service: serviceOf.get(name) ?? null, stage }, ground)
    const { sessionId, generation, ...ref } = identity
    const uid = (owner ?? pod)?.metadata.uid ?? ''
    yield {
      ref: { ...ref, ids: { namespace, ...(owner === undefined ? {} : { owner: uid }) } },
      sessionId,
      generation,
      state,
    }
  }
}

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
        next = page.metadata.continue
      } while (next !== '')
      return items
    } catch (error) {
      if (!isStatus(error, 410) || beginning >= beginnings) throw error
    }
  }
}
