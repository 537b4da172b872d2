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
  /** Ends all of them, with a hint when to come back. */
  shutDown(): void
  count(): number
}

/** Why a stream's signal aborted. */
export const leaving = { reader: 'reader', server: 'server' } as const

export function createOpenStreams(): OpenStreams {
  const open = new Map<AbortController, string>()
  return {
    open(caller) {
      const held = [...open.values()].filter((other) => other === caller).length
      if (held >= mostPerCaller) return null
      const controller = new AbortController()
      open.set(controller, caller)
      return {
        signal: controller.signal,
        leave: () => controller.abort(leaving.reader),
        done: () => open.delete(controller),
      }
    },
    shutDown() {
      for (const controller of open.keys()) controller.abort(leaving.server)
    },
    count: () => open.size,
  }
}
