import type { SessionId } from '../../../domain/ids.ts'
import { idPattern } from '../../../domain/ids.ts'
import { ProviderUnreachable } from '../provider.ts'
import type { InstanceState, ObservedInstance } from '../provider.ts'
import { byLabel, inspectContainer } from './container.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { labels } from './names.ts'
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
        withContainer.add(container.Labels[labels.name])
        yield* observed(container.Labels, { container: container.Id }, state)
      }
    }
    for (const network of await engine.json('GET', '/networks', networkListShape, signal, { query })) {
      if (withContainer.has(network.Labels[labels.name])) continue
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

/** Labels that we did not write make no instance; they can carry our deployment's id only by an operator's hand. */
function* observed(
  found: Readonly<Record<string, string>>,
  ids: Readonly<Record<string, string>>,
  state: InstanceState,
): Generator<ObservedInstance> {
  const [name, deploymentId] = [found[labels.name], found[labels.deployment]]
  const [sessionId = '', generation] = [found[labels.session], Number(found[labels.generation])]
  if (name === undefined || deploymentId === undefined || !idPattern.test(sessionId) || !(generation > 0)) return
  // The pattern is what makes a string a session's id.
  yield { ref: { name, deploymentId, ids }, sessionId: sessionId as SessionId, generation, state }
}
