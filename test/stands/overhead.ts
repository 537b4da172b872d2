import { defaultTimings } from '../../domain/timings.ts'
import { interleaved, pooled, timed } from '../bench/rounds.ts'
import type { RawBackend, RealBackend } from './backend.ts'
import { becomesReady, nothingLeft, stop, wish } from './sessions.ts'
import { createStandSite } from './site.ts'

export interface OverheadFigures {
  readonly what: string
  /** ms, one for each. */
  readonly took: readonly number[]
}

/** As many samples of each, more or less. */
const rounds: Readonly<Record<number, number>> = { 1: 8, 5: 3 }

/**
 * What Carrel adds to the backend: sessions from the wish to ready and from the wish to end to nothing left, beside the same made
 * by a few raw calls, in turn, one and five at once; with the timings that Carrel ships with.
 */
export async function overhead(backend: RealBackend, raw: RawBackend): Promise<readonly OverheadFigures[]> {
  const stand = await createStandSite(backend, {
    startLimit: Math.max(5, backend.provider.startLimit),
    timings: defaultTimings,
  })
  try {
    const all: OverheadFigures[] = []
    for (const [inFlight, times] of Object.entries(rounds).map(([n, count]) => [Number(n), count] as const)) {
      const took: Record<'ready: Carrel' | 'ready: raw' | 'gone: Carrel' | 'gone: raw', number[]> = {
        'ready: Carrel': [],
        'ready: raw': [],
        'gone: Carrel': [],
        'gone: raw': [],
      }
      const carrel = async () => {
        const ids = await pooled(inFlight, inFlight, async () => {
          let id: Awaited<ReturnType<typeof wish>> | undefined
          const start = async () => {
            id = await wish(stand, backend)
            await becomesReady(stand, id)
          }
          took['ready: Carrel'].push(await timed(start))
          return id
        })
        await pooled(inFlight, inFlight, async (n) => {
          const id = ids[n]
          if (id !== undefined) took['gone: Carrel'].push(await timed(async () => await stop(stand, id)))
        })
      }
      const plain = async () => {
        const started = await pooled(inFlight, inFlight, async () => {
          let one = ''
          took['ready: raw'].push(await timed(async () => (one = await raw.start())))
          return one
        })
        await pooled(inFlight, inFlight, async (n) => {
          took['gone: raw'].push(await timed(async () => await raw.stop(started[n] ?? '')))
        })
      }
      await interleaved(times, { raw: plain, carrel }, new AbortController().signal, () => undefined)
      for (const [what, values] of Object.entries(took))
        all.push({ what: `${what}, ${inFlight} at once`, took: values })
    }
    await nothingLeft(stand, backend)
    return all
  } finally {
    await stand.close()
  }
}
