/** Measures several ways of doing one thing in turn, each round in the other order, so that what the machine does meanwhile meets all alike. */
export async function interleaved<K extends string>(
  rounds: number,
  ways: Readonly<Record<K, (round: number) => Promise<void>>>,
  signal: AbortSignal,
  say: (word: string) => void,
): Promise<void> {
  // The keys of an object literal.
  const names = Object.keys(ways) as K[]
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      signal.throwIfAborted()
      say(`round ${round + 1} of ${rounds}: ${name}`)
      await ways[name](round)
    }
  }
}

/** How long it took, ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** Does `count` deeds, `inFlight` at a time, and returns what each gave, in order. */
export async function pooled<T>(count: number, inFlight: number, deed: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let next = 0
  const lane = async () => {
    for (let n = next++; n < count; n = next++) results[n] = await deed(n)
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane))
  return results
}

/** Repeats a deed in `inFlight` lanes for `forMs`: how many a second were done, and how long each took. */
export async function saturated(
  forMs: number,
  inFlight: number,
  deed: (lane: number) => Promise<void>,
): Promise<{ readonly rate: number; readonly took: readonly number[] }> {
  const took: number[] = []
  const began = performance.now()
  const lane = async (n: number) => {
    while (performance.now() - began < forMs) took.push(await timed(async () => await deed(n)))
  }
  await Promise.all(Array.from({ length: inFlight }, (_, n) => lane(n)))
  return { rate: (took.length * 1_000) / (performance.now() - began), took }
}

/** Begins a deed at fixed times, whatever becomes of those before, and tells how long each took from its time on. */
export async function openLoop(forMs: number, rate: number, deed: () => Promise<void>): Promise<number[]> {
  const count = Math.max(1, Math.floor((forMs * rate) / 1_000))
  const began = performance.now()
  const under: Promise<number>[] = []
  for (let n = 0; n < count; n++) {
    const due = began + (n * 1_000) / rate
    const early = due - performance.now()
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early))
    under.push(deed().then(() => performance.now() - due))
  }
  return await Promise.all(under)
}
