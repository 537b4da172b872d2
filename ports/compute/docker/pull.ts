import { z } from 'zod'
import type { CallContext, Progress } from '../provider.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'

const pullLine = z.object({
  status: z.string().default(''),
  id: z.string().optional(),
  progressDetail: z.object({ current: z.number().optional(), total: z.number().optional() }).optional(),
  error: z.string().optional(),
})
export type PullLine = z.output<typeof pullLine>

/** One layer's way, 0–1: fetching is its first half, unpacking its second. */
type Layers = ReadonlyMap<string, number>

/** Silence of the daemon during a pull that ends it. */
const silenceMs = 60_000

/** Words of a registry, or of the lack of one, that say that the image is not there: trying again would not help. */
const missing =
  /not found|manifest unknown|does not exist|denied|unauthorized|no such host|invalid reference|no matching manifest/i

/**
 * Fetches an image and tells how far it is. A name server that knows no such registry counts as "missing", as a
 * registry without the image does; a registry that does not answer throws `EngineError`.
 */
export async function pullImage(
  engine: Engine,
  image: string,
  timeoutMs: number,
  call: CallContext,
): Promise<{ readonly kind: 'pulled' } | { readonly kind: 'missing'; readonly detail: string }> {
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(timeoutMs)])
  let layers: Layers = new Map()
  call.progress?.({ message: 'Looking for the image', percent: null })
  try {
    for await (const raw of engine.lines('/images/create', signal, { query: withTag(image), timeoutMs: silenceMs })) {
      const line = pullLine.safeParse(raw)
      if (!line.success) continue
      if (line.data.error !== undefined) return judged(new EngineError(503, line.data.error))
      layers = afterLine(layers, line.data)
      const progress = pullProgress(layers)
      if (progress !== null) call.progress?.(progress)
    }
    return { kind: 'pulled' }
  } catch (error) {
    if (error instanceof EngineError && error.status !== null) return judged(error)
    throw error
  }
}

function judged(error: EngineError): { readonly kind: 'missing'; readonly detail: string } {
  if (missing.test(error.message)) return { kind: 'missing', detail: error.message }
  throw error
}

/** Without a tag the daemon would fetch every one. */
function withTag(image: string): Record<string, string> {
  const tagged = image.includes('@') || /:[^/]+$/.test(image)
  return { fromImage: tagged ? image : `${image}:latest` }
}

/** What one line of the daemon changes. Lines that are not about a layer change nothing. */
export function afterLine(layers: Layers, { status, id, progressDetail }: PullLine): Layers {
  const share = ((progressDetail?.current ?? 0) / (progressDetail?.total || Number.POSITIVE_INFINITY)) * 0.5
  const ways: Readonly<Record<string, number>> = {
    'Pulling fs layer': 0,
    Waiting: 0,
    Downloading: share,
    'Verifying Checksum': 0.5,
    'Download complete': 0.5,
    Extracting: 0.5 + share,
    'Pull complete': 1,
    'Already exists': 1,
  }
  const way = ways[status]
  if (id === undefined || way === undefined) return layers
  return new Map(layers).set(id, Math.max(way, layers.get(id) ?? 0))
}

/** "Pulling layer 3 of 7", with the share of all layers; `null` before there is one. */
export function pullProgress(layers: Layers): Progress | null {
  if (layers.size === 0) return null
  const ways = [...layers.values()]
  const done = ways.filter((way) => way >= 1).length
  const percent = Math.floor((ways.reduce((sum, way) => sum + way, 0) / ways.length) * 100)
  return { message: `Pulling layer ${Math.min(done + 1, ways.length)} of ${ways.length}`, percent }
}
