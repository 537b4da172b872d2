import type { Socket } from 'node:net'

/** Watches over one lookup: how long it takes, and how much is said. */
export interface Watch {
  /** Why it was ended; `null`: it was not. */
  readonly why: string | null
  /** Ends this connection with the lookup, and counts what comes through it. */
  over<S extends Socket>(socket: S): S
  /** Waits for the work, but no longer than the time. */
  within<T>(work: Promise<T>): Promise<T>
  end(): void
}

const lookEveryMs = 10

/** The library's own limits are for each of its steps, and it holds all of an answer that never ends. */
export function createWatch({
  timeoutMs,
  mostBytes,
}: {
  readonly timeoutMs: number
  readonly mostBytes: number
}): Watch {
  const sockets: Socket[] = []
  let why: string | null = null
  let giveUp: (reason: Error) => void = () => undefined
  const givenUp = new Promise<never>((_resolve, reject) => (giveUp = reject))
  // Whoever waits hears of it; without anybody nothing is lost.
  givenUp.catch(() => undefined)
  const cut = (reason: string) => {
    why ??= reason
    for (const socket of sockets) socket.destroy()
    giveUp(new Error(reason))
  }
  const deadline = setTimeout(() => cut(`It did not answer within ${timeoutMs} ms.`), timeoutMs)
  const counting = setInterval(() => {
    if (sockets.some((socket) => socket.bytesRead > mostBytes)) cut(`It said more than ${mostBytes} bytes.`)
  }, lookEveryMs)
  return {
    get why() {
      return why
    },
    over(socket) {
      sockets.push(socket)
      // Once the lookup is over nobody listens, and what comes then is nobody's error.
      socket.on('error', () => undefined)
      return socket
    },
    within: async (work) => await Promise.race([work, givenUp]),
    end() {
      clearTimeout(deadline)
      clearInterval(counting)
      for (const socket of sockets) if (why !== null) socket.destroy()
    },
  }
}
