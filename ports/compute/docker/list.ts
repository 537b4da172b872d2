import type { SessionId } from '../../../domain/ids.ts'
import { idPattern } from '../../../domain/ids.ts'
import { ProviderUnreachable } from '../provider.ts'
import type { InstanceState, ObservedInstance } from '../provider.ts'
import { byLabel, inspectContainer } from './container.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { labels } from './names.ts'
import { containerListShape, networkListShape } from './shapes.ts'
import { instanceState } from './states.ts'

/** How many containers are inspected at a time: what the daemon's list says lacks exit codes and memory kills. */
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
      const found = await Promise.all(page.map((c) => inspectContainer(engine, c.Id, signal)))
      for (const container of found) {
        if (container === null) continue
        withContainer.add(container.Config.Labels[labels.name])
        yield* observed(container.Config.Labels, { container: container.Id }, instanceState(container, networks))
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
