import { pooled, timed } from '../bench/rounds.ts'
import type { RawBackend } from './backend.ts'

/**
 * How long the backend alone takes for what an outage leaves to be done, begun at once by plain calls, ms: as many to be removed, to
 * come to rest and to wake, and twice as many to start, of which `perPhase` at a time. `null` where plain calls cannot all of it.
 */
export async function rawWork(raw: RawBackend, perPhase: number, pauses: boolean): Promise<number | null> {
  const { rests } = raw
  if (pauses && rests === undefined) return null
  const some = async (count: number) => await pooled(count, perPhase, async () => await raw.start())
  const each = async (all: readonly string[], deed: (one: string) => Promise<void>) =>
    void (await Promise.all(all.map(deed)))
  const ending = await some(perPhase)
  const [goingToRest, waking] = rests === undefined ? [[], []] : [await some(perPhase), await some(perPhase)]
  await each(waking, async (one) => await rests?.rest(one))
  let started: readonly string[] = []
  const ms = await timed(
    async () =>
      void (await Promise.all([
        each(ending, async (one) => await raw.stop(one)),
        each(goingToRest, async (one) => await rests?.rest(one)),
        each(waking, async (one) => await rests?.wake(one)),
        some(perPhase * 2).then((made) => (started = made)),
      ])),
  )
  const all = [...goingToRest, ...waking, ...started]
  await pooled(all.length, perPhase, async (n) => await raw.stop(all[n] ?? ''))
  return ms
}
