/** What is kept of the words that a backend says of an instance; times in ms since the epoch. */
export interface KnownWords {
  readonly pendingReason: string | null
  readonly expectedAt: number | null
  readonly endsAt: number | null
}

/** What a list says of an instance that waits, or runs. */
export interface SaidWords {
  readonly kind: string
  readonly reason?: string
  readonly expectedAt?: number
  readonly endsAt?: number
}

/** Backends reckon such times anew each time they are asked. */
const sameMs = 1_000
/** A queue's forecast moves all the time, and is read by people. */
const sameForecastMs = 5_000

/**
 * What is to be kept instead of what was known. `null`: nothing new was said. What is neither waiting nor running says nothing of its
 * future: what was known stands.
 */
export function newWords(known: KnownWords, said: SaidWords): KnownWords | null {
  const words = wordsOf(said)
  if (words === null) return null
  const isSame =
    words.pendingReason === known.pendingReason &&
    isNear(words.expectedAt, known.expectedAt, sameForecastMs) &&
    isNear(words.endsAt, known.endsAt, sameMs)
  return isSame ? null : words
}

function wordsOf({ kind, reason, expectedAt, endsAt }: SaidWords): KnownWords | null {
  if (kind === 'pending') return { pendingReason: reason ?? null, expectedAt: expectedAt ?? null, endsAt: null }
  if (kind === 'running') return { pendingReason: null, expectedAt: null, endsAt: endsAt ?? null }
  return null
}

const isNear = (one: number | null, other: number | null, withinMs: number): boolean =>
  one === other || (one !== null && other !== null && Math.abs(one - other) < withinMs)
