const mostPerCaller = 32

/** A stream that is open now. */
export interface OpenStream {
  readonly signal: AbortSignal
  /** Ends it because its reader is gone. */
  leave(): void
  done(): void
}

/** The streams of this process, so that they end with it and nobody opens them without bound. */
export interface OpenStreams {
  /** `null`: this caller has too many. */
  open(caller: string): OpenStream | null
  /** Ends all of them, and whatever is opened later, with a hint when to come back. */
  shutDown(): void
  /** Aborts with `shutDown`: whoever waits for something is answered with what is known. */
  readonly closing: AbortSignal
  count(): number
}

/** Why a stream's signal aborted. */
export const leaving = { reader: 'reader', server: 'server' } as const

export function createOpenStreams(): OpenStreams {
  const open = new Map<AbortController, string>()
  const closing = new AbortController()
  return {
    closing: closing.signal,
    open(caller) {
      const held = [...open.values()].filter((other) => other === caller).length
      if (held >= mostPerCaller) return null
      const controller = new AbortController()
      if (closing.signal.aborted) controller.abort(leaving.server)
      open.set(controller, caller)
      return {
        signal: controller.signal,
        leave: () => controller.abort(leaving.reader),
        done: () => open.delete(controller),
      }
    },
    shutDown() {
      closing.abort()
      for (const controller of open.keys()) controller.abort(leaving.server)
    },
    count: () => open.size,
  }
}
