import { pick, seeded, shuffled } from '../setup/seeded.ts'

/** A thing that is done in a round, `at` ms after its beginning. Sessions are numbered; negative ones are of an earlier round. */
export type Deed =
  | { readonly at: number; readonly do: 'create'; readonly session: number }
  | { readonly at: number; readonly do: 'stop'; readonly session: number; readonly repeat: boolean }
  | { readonly at: number; readonly do: 'read'; readonly session: number }
  | { readonly at: number; readonly do: 'list' }
  | { readonly at: number; readonly do: 'kill'; readonly process: string; readonly downMs: number }

export interface RoundPlan {
  readonly seed: number
  readonly round: number
  readonly earlier: number
  readonly sessions: number
  /** In the order of their times. */
  readonly deeds: readonly Deed[]
}

export interface RoundShape {
  readonly seed: number
  readonly round: number
  /** What may be killed. */
  readonly processes: readonly string[]
  /** How many sessions of earlier rounds are ready: most are stopped in this one. */
  readonly earlier: number
}

const sessionsPerRound = 10
const windowMs = 3_500
const mostDownMs = 3_000

/**
 * One round, the same for the same shape: ten sessions asked for within seconds, most of them asked to stop at any time after
 * that, and some processes killed in the middle. Each process has its turn: it is the first one killed in one of so many
 * rounds as there are processes.
 */
export function planRound({ seed, round, processes, earlier }: RoundShape): RoundPlan {
  const random = seeded(seed + round * 7_919)
  const between = (low: number, high: number) => Math.round(low + random() * (high - low))
  const turn = shuffled(seeded(seed), processes)
  const deeds: Deed[] = []
  const stop = (session: number, from: number) => {
    const at = between(from, windowMs)
    deeds.push({ at, do: 'stop', session, repeat: false })
    if (random() < 0.5) deeds.push({ at: at + between(0, 1_500), do: 'stop', session, repeat: true })
  }
  for (let session = 0; session < sessionsPerRound; session += 1) {
    // Five ask at once, the others when the first have become something.
    const at = session < 5 ? between(0, 200) : between(0, windowMs * 0.6)
    deeds.push({ at, do: 'create', session })
    if (session % 10 < 7) stop(session, at)
    deeds.push({ at: between(0, windowMs), do: 'read', session })
  }
  // One of them, the latest, lives on through the next round too.
  for (let session = -earlier; session < -1; session += 1) stop(session, 0)
  for (let n = 0; n < 4; n += 1) deeds.push({ at: between(0, windowMs), do: 'list' })
  const victims = [
    turn[round % turn.length] ?? '',
    ...Array.from({ length: between(0, 2) }, () => pick(random, processes)),
  ]
  for (const process of victims)
    deeds.push({ at: between(150, windowMs), do: 'kill', process, downMs: between(0, mostDownMs) })
  return { seed, round, earlier, sessions: sessionsPerRound, deeds: deeds.toSorted((a, b) => a.at - b.at) }
}

/** A plan as it is printed, to be read and replayed. */
export const planLines = ({ deeds }: RoundPlan): string[] =>
  deeds.map((deed) => {
    const at = `${String(deed.at).padStart(5)} ms`
    if (deed.do === 'kill') return `${at}  kill ${deed.process}, again after ${deed.downMs} ms`
    if (deed.do === 'list') return `${at}  list`
    return `${at}  ${deed.do} ${deed.session}${deed.do === 'stop' && deed.repeat ? ' again' : ''}`
  })
