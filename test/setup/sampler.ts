/** Something looked at over and over while something else happens. */
export interface Sampler<T> {
  /** Ends the looking, and gives all that was seen, in order; the last look begins after this call. */
  end(): Promise<readonly T[]>
}

/** Looks as often as the answers come, beside whatever runs. A look that fails fails `end()`. */
export function sample<T>(look: () => Promise<T>): Sampler<T> {
  const seen: T[] = []
  let ending = false
  const loop = (async () => {
    while (!ending) seen.push(await look())
    seen.push(await look())
  })()
  loop.catch(() => {})
  return {
    async end() {
      ending = true
      await loop
      return seen
    },
  }
}
