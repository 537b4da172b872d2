import { ApiError, isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { orNull } from './find.ts'
import { stageLabel, stageOf } from './names.ts'
import type { Stage } from './names.ts'
import { pathOf } from './paths.ts'
import { objectShape } from './shapes.ts'
import type { AnyObject } from './shapes.ts'

/** Whatever else writes on every Secret does so once or twice. */
const tries = 8

/**
 * Says of an instance that is being made that it was, whoever wrote on its owner since: nobody goes back to `making`, and whoever
 * wrote another stage there, or put another owner in its place, has seen to it, or is ending it. Throws `ApiError`.
 */
export async function noteMade(api: Api, namespace: string, owner: AnyObject, signal: AbortSignal): Promise<void> {
  let found: AnyObject | null = owner
  for (let attempt = 1; attempt <= tries; attempt++) {
    if (found?.metadata.uid !== owner.metadata.uid || stageOf(found.metadata.labels) !== 'making') return
    if ((await setStage(api, { namespace, owner: found }, 'made', signal)) !== null) return
    found = await orNull(api.metadata(pathOf(namespace, 'secrets', owner.metadata.name), objectShape, signal))
  }
  throw new ApiError(409, 'others write on it all the time')
}

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
