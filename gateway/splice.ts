import type { Duplex } from 'node:stream'
import { closeFrame, createFrameScanner } from './frames.ts'
import type { CutReason } from './live.ts'

export interface Spliced {
  /** Bytes from the browser; how many frames of real input began in them. */
  received(bytes: number, frames: number): void
  sent(bytes: number): void
  /** Both sides are gone, or cut. Called once. */
  over(): void
}

export interface Splice {
  /** Tells the browser why, where that fits, and ends both sides. */
  cut(reason: CutReason): void
}

/** One side has said that it is done: the other one gets so long to do the same. */
const partingMs = 5_000
/** A browser that is told why gets so long to hear it. */
const hearingMs = 500

/** RFC 6455 §7.4.1, and 1012 and 1013 of the registry that it made. */
const codes: Readonly<Record<CutReason, { readonly code: number; readonly text: string }>> = {
  withdrawn: { code: 1008, text: 'the right to use this session was withdrawn' },
  expired: { code: 1008, text: 'this door is closed in this browser' },
  cut: { code: 1008, text: 'this connection was closed by its owner or an operator' },
  ended: { code: 1001, text: 'the session has ended' },
  paused: { code: 1001, text: 'the session is paused and can be resumed' },
  unverified: { code: 1013, text: 'the right to use this session cannot be checked' },
  shutdown: { code: 1012, text: 'the gateway restarts' },
}

/** Passes an accepted WebSocket on in both directions, untouched, as fast as each side takes it. */
export function splice(browser: Duplex, session: Duplex, { received, sent, over }: Spliced): Splice {
  const up = createFrameScanner()
  const down = createFrameScanner()
  let isCut = false
  let closed = 0
  let isOver = false
  const finish = () => {
    if (isOver) return
    isOver = true
    over()
  }

  const onto = (from: Duplex, to: Duplex, count: (chunk: Buffer) => void) => {
    from.on('data', (chunk: Buffer) => {
      count(chunk)
      if (to.destroyed || isCut || to.write(chunk)) return
      from.pause()
      to.once('drain', () => from.resume())
    })
    from.once('end', () => {
      if (!isCut) to.end()
      part(from, to)
    })
    from.on('error', () => to.destroy())
    from.once('close', () => {
      if (!isCut) to.destroy()
      closed += 1
      if (closed === 2) finish()
    })
  }
  const part = (one: Duplex, other: Duplex) => {
    const timer = setTimeout(() => {
      one.destroy()
      other.destroy()
    }, partingMs)
    other.once('close', () => clearTimeout(timer))
  }

  onto(browser, session, (chunk) => received(chunk.length, up.feed(chunk)))
  onto(session, browser, (chunk) => {
    down.feed(chunk)
    sent(chunk.length)
  })

  return {
    cut(reason) {
      if (isCut) return
      const { code, text } = codes[reason]
      const tells = down.atBoundary && browser.writable
      isCut = true
      session.removeAllListeners('data')
      if (tells) browser.end(closeFrame(code, text))
      else browser.destroy()
      const timer = setTimeout(() => browser.destroy(), hearingMs)
      browser.once('close', () => clearTimeout(timer))
      session.destroy()
      finish()
    },
  }
}
