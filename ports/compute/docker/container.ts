import type { InstanceRef } from '../provider.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { isMarked, markWords } from '../marks.ts'
import type { Names } from './names.ts'
import { containerShape } from './shapes.ts'
import type { ContainerShape } from './shapes.ts'

/** The instance's container by its name; `null` where there is none, or one that is not ours. */
export async function findContainer(
  engine: Engine,
  ref: InstanceRef,
  names: Names,
  signal: AbortSignal,
): Promise<ContainerShape | null> {
  const found = await inspectContainer(engine, names.object, signal)
  return found !== null && isMarked(found.Config.Labels, ref) ? found : null
}

/** Any container by name or id; `null` where the daemon knows none. */
export async function inspectContainer(
  engine: Engine,
  nameOrId: string,
  signal: AbortSignal,
): Promise<ContainerShape | null> {
  try {
    return await engine.json('GET', `/containers/${nameOrId}/json`, containerShape, signal)
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return null
    throw error
  }
}

/** The query that finds everything of one deployment, or of one instance in it. */
export function byLabel(deploymentId: string, name?: string): { readonly filters: string } {
  return { filters: JSON.stringify({ label: markWords(deploymentId, name) }) }
}
