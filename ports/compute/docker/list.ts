import { identityOf, marks } from '../marks.ts'
import type { Marks } from '../marks.ts'
import { ProviderUnreachable } from '../provider.ts'
import type { InstanceState, ObservedInstance } from '../provider.ts'
import { byLabel, inspectContainer } from './container.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { containerListShape, networkListShape } from './shapes.ts'
import type { ListedContainer } from './shapes.ts'
import { instanceState, listedState } from './states.ts'

/** How many containers are inspected at a time. */
const pageSize = 16

/**
 * Every instance of the deployment, also one of which only the network is there. Containers are listed before
 * networks: one that is being made meanwhile shows its network.
 */
export async function* listInstances(
  engine: Engine,
  deploymentId: string,
  networks: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ObservedInstance> {
  try {
    const query = byLabel(deploymentId)
    const all = { ...query, all: true }
    const containers = await engine.json('GET', '/containers/json', containerListShape, signal, { query: all })
    const withContainer = new Set<string | undefined>()
    for (let from = 0; from < containers.length; from += pageSize) {
      const page = containers.slice(from, from + pageSize)
      const states = await Promise.all(page.map(async (c) => await stateOf(engine, c, networks, signal)))
      for (const [n, state] of states.entries()) {
        const container = page[n]
        if (state === null || container === undefined) continue
        withContainer.add(container.Labels[marks.name])
        yield* observed(container.Labels, { container: container.Id }, state)
      }
    }
    for (const network of await engine.json('GET', '/networks', networkListShape, signal, { query })) {
      if (withContainer.has(network.Labels[marks.name])) continue
      yield* observed(network.Labels, { network: network.Id }, { kind: 'pending', reason: 'no container yet' })
    }
  } catch (error) {
    throw new ProviderUnreachable(error instanceof EngineError ? error.message : 'the list could not be read')
  }
}

/** Asked for one by one only where the list does not say all: how a container ended. `null`: it is gone meanwhile. */
async function stateOf(
  engine: Engine,
  container: ListedContainer,
  networks: readonly string[],
  signal: AbortSignal,
): Promise<InstanceState | null> {
  const told = listedState(container, networks)
  if (told !== null) return told
  const inspected = await inspectContainer(engine, container.Id, signal)
  return inspected === null ? null : instanceState(inspected, networks)
}

function* observed(
  found: Marks,
  ids: Readonly<Record<string, string>>,
  state: InstanceState,
): Generator<ObservedInstance> {
  const identity = identityOf(found)
  if (identity === null) return
  const { name, deploymentId, ...of } = identity
  yield { ref: { name, deploymentId, ids }, ...of, state }
}
