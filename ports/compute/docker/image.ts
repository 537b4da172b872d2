import type { CallContext } from '../provider.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { pullImage } from './pull.ts'
import type { DockerSettings } from './settings.ts'
import { imageShape } from './shapes.ts'
import { isImageName } from './spec.ts'

export type Image =
  | { readonly kind: 'present'; readonly id: string; readonly user: string }
  | { readonly kind: 'missing'; readonly detail: string }

/** The image, if it is on the daemon's machine. Throws `EngineError`. */
export async function findImage(
  engine: Engine,
  image: string,
  signal: AbortSignal,
): Promise<Extract<Image, { kind: 'present' }> | null> {
  if (!isImageName(image)) return null
  try {
    const { Id, Config } = await engine.json('GET', `/images/${image}/json`, imageShape, signal)
    return { kind: 'present', id: Id, user: Config.User ?? '' }
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return null
    throw error
  }
}

/** An image that is not there, fetched where that is allowed. Throws `EngineError` where daemon or registry do not answer. */
export async function fetchImage(
  engine: Engine,
  image: string,
  settings: Pick<DockerSettings, 'pull' | 'pullTimeoutMs'>,
  call: CallContext,
): Promise<Image> {
  if (!isImageName(image)) return { kind: 'missing', detail: 'not the name of an image' }
  if (!settings.pull) return { kind: 'missing', detail: `${image} is not on this machine, and nothing is pulled` }
  const pulled = await pullImage(engine, image, settings.pullTimeoutMs, call)
  if (pulled.kind === 'missing') return pulled
  return (await findImage(engine, image, call.signal)) ?? { kind: 'missing', detail: `${image} was not pulled` }
}
