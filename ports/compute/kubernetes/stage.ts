import { isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { stageLabel } from './names.ts'
import type { Stage } from './names.ts'
import { pathOf } from './paths.ts'
import { objectShape } from './shapes.ts'
import type { AnyObject } from './shapes.ts'

/**
 * Writes on an instance's owner how far it has come, over what was read of it. `null`: somebody wrote there since, and nothing was
 * done. So whoever comes late, as a worker that was given up and did not know it, takes back no later step.
 */
export async function setStage(
  api: Api,
  { namespace, owner: { metadata } }: { readonly namespace: string; readonly owner: AnyObject },
  stage: Stage,
  signal: AbortSignal,
): Promise<AnyObject | null> {
  const { name, resourceVersion } = metadata
  const read = resourceVersion === undefined ? {} : { resourceVersion }
  try {
    const patch = { metadata: { ...read, labels: { [stageLabel]: stage } } }
    return await api.merge(pathOf(namespace, 'secrets', name), patch, objectShape, signal)
  } catch (error) {
    if (isStatus(error, 409)) return null
    throw error
  }
}
