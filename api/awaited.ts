import type { Channel, Listener } from '../db/listen.ts'
import type { Log } from './deps.ts'

const pollMs = 250

/** Waits for things of one kind to be settled, all of a process together: one query per round, whoever waits, and no connection kept. */
export interface Awaited<Id extends string> {
  /** Resolves when the thing is settled, or after `ms`, or when the caller or this process goes. Never rejects. */
  wait(id: Id, ms: number, signal: AbortSignal): Promise<void>
}

export interface AwaitedDeps<Id extends string> {
  readonly listener: Pick<Listener, 'on'>
  /** Says the id of what may have been settled. */
  readonly channel: Channel
  /** Those of them that are settled. */
  readonly settledOf: (ids: readonly Id[]) => Promise<readonly Id[]>
  readonly log: Log
  /** From here on nobody is kept waiting. */
  readonly closing: AbortSignal
}

export function createAwaited<Id extends string>({
  listener,
  channel,
  settledOf,
  log,
  closing,
}: AwaitedDeps<Id>): Awaited<Id> {
  const waiting = new Map<Id, Set<() => void>>()
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
        const settled = waiting.size === 0 ? [] : await settledOf([...waiting.keys()])
        for (const id of settled) for (const done of waiting.get(id) ?? []) done()
      } while (askAgain)
    } catch (err) {
      // Whoever waits is answered at the end of its time with what is known then.
      log.warn({ err, channel }, 'What somebody waits for could not be read.')
    } finally {
      asking = false
    }
  }

  listener.on(channel, (id) => {
    if (id === '' || waiting.has(id as Id)) void ask()
  })

  closing.addEventListener('abort', () => {
    for (const all of [...waiting.values()]) for (const done of [...all]) done()
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
        if (ms <= 0 || signal.aborted || closing.aborted) return resolve()
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
        // It may have been settled before anybody listened for it.
        void ask()
      }),
  }
}
