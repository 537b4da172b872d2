import type { Api } from './api.ts'
import { labels } from './names.ts'
import type { Stage } from './names.ts'
import { pathOf } from './paths.ts'
import { objectShape } from './shapes.ts'
import type { AnyObject } from './shapes.ts'

/** Writes on an instance's owner how far it has come. */
export const setStage = async (
  api: Api,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  stage: Stage,
  signal: AbortSignal,
): Promise<AnyObject> =>
  await api.merge(
    pathOf(namespace, 'secrets', name),
    { metadata: { labels: { [labels.stage]: stage } } },
    objectShape,
    signal,
  )
