/** The first wish to end, and what comes after it. */
export interface Interruption {
  /** Aborts at the first signal. */
  readonly asked: AbortSignal
  /** To be called for every signal that arrives. */
  heard(): void
}

/**
 * One press of Ctrl-C may arrive twice: the terminal tells every process of its group, and npm passes on to its script what
 * it heard itself. What comes this soon after the first is the same press.
 */
const onePressMs = 500

/** Takes the first signal as a wish to end in order, and a later one as a wish to end at once. */
export function createInterruption(
  first: () => void,
  again: () => void,
  now: () => number = () => performance.now(),
): Interruption {
  const control = new AbortController()
  let began = 0
  return {
    asked: control.signal,
    heard() {
      if (control.signal.aborted) {
        if (now() - began >= onePressMs) again()
        return
      }
      began = now()
      first()
      control.abort(new Error('interrupted'))
    },
  }
}
