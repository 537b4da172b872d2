/** Numbers in [0, 1) that look random and are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One of the things, chosen by `random`. */
export function pick<T>(random: () => number, things: readonly T[]): T {
  const chosen = things[Math.floor(random() * things.length)]
  if (chosen === undefined) throw new Error('There is nothing to pick from.')
  return chosen
}

/** The things in an order that `random` gives. */
export const shuffled = <T>(random: () => number, things: readonly T[]): T[] =>
  things
    .map((thing) => ({ thing, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ thing }) => thing)
