import type { Db } from '../../db/connect.ts'
import type { Listener } from '../../db/listen.ts'
import { decidedOf } from '../../db/session-queries.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { Log } from '../deps.ts'

const pollMs = 250

/** Waits for sessions to be decided, all of a process together: one query per round, whoever waits, and no connection kept. */
export interface Decisions {
  /** Resolves when the session is no longer `requested`, or after `ms`, or when the caller is gone. Never rejects. */
  wait(id: SessionId, ms: number, signal: AbortSignal): Promise<void>
}

export function createDecisions(db: Db, listener: Pick<Listener, 'on'>, log: Log): Decisions {
  const waiting = new Map<SessionId, Set<() => void>>()
  let timer: NodeJS.Timeout | null = null
  let asking = false
  let askAgain = false

  const ask = async () => {
    if (asking) {
      askAgain = true
      return
    }
    asking = true
    try {
      do {
        askAgain = false
        const decided = waiting.size === 0 ? [] : await decidedOf(db, [...waiting.keys()])
        for (const id of decided) for (const done of waiting.get(id) ?? []) done()
      } while (askAgain)
    } catch (err) {
      // Whoever waits is answered at the end of its time with what is known then.
      log.warn({ err }, 'The decisions of waiting sessions could not be read.')
    } finally {
      asking = false
    }
  }

  listener.on('carrel_event', (sessionId) => {
    if (sessionId === '' || waiting.has(sessionId as SessionId)) void ask()
  })

  const started = () => {
    timer ??= setInterval(() => void ask(), pollMs)
  }
  const stopped = () => {
    if (waiting.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }

  return {
    wait: (id, ms, signal) =>
      new Promise((resolve) => {
        if (ms <= 0 || signal.aborted) return resolve()
        const done = () => {
          clearTimeout(deadline)
          signal.removeEventListener('abort', done)
          const others = waiting.get(id)
          others?.delete(done)
          if (others?.size === 0) waiting.delete(id)
          stopped()
          resolve()
        }
        const deadline = setTimeout(done, ms)
        signal.addEventListener('abort', done)
        const others = waiting.get(id) ?? new Set()
        waiting.set(id, others.add(done))
        started()
        // The decision may have fallen before anybody listened for it.
        void ask()
      }),
  }
}
