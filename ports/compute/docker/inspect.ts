import type { InstanceRef, InstanceState } from '../provider.ts'
import { byLabel, findContainer } from './container.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { namesOf } from './names.ts'
import { networkListShape } from './shapes.ts'
import { instanceState } from './states.ts'

/**
 * The instance's state as the daemon tells it now. One of which only the network is there is `pending`, as in the list, as
 * long as no container of it is known: one that was there and is not is `absent`, whatever stands around it.
 */
export async function inspectInstance(
  engine: Engine,
  ref: InstanceRef,
  networks: readonly string[],
  signal: AbortSignal,
): Promise<InstanceState> {
  try {
    const container = await findContainer(engine, ref, namesOf(ref), signal)
    if (container !== null) return instanceState(container, networks)
    if (ref.ids?.['container'] !== undefined) return { kind: 'absent' }
    const query = byLabel(ref.deploymentId, ref.name)
    const left = await engine.json('GET', '/networks', networkListShape, signal, { query })
    return left.length === 0 ? { kind: 'absent' } : { kind: 'pending', reason: 'no container yet' }
  } catch (error) {
    if (error instanceof EngineError) return { kind: 'unknown', why: error.message }
    throw error
  }
}
