import { setTimeout as delay } from 'node:timers/promises'
import type { Progress } from '../progress.ts'
import type { CarrelClient } from './client.ts'
import { enteredState, isEnd, showEvent } from './events.ts'

const endLimitMs = 3 * 60_000

export interface Followed {
  readonly id: string
  /** Fulfilled when the session is ready; rejects when it ends first. */
  readonly ready: Promise<void>
  /** Fulfilled with the state and reason it ended with. */
  readonly ended: Promise<{ readonly state: string; readonly reason: string | null }>
  /** Stops listening. */
  close(): void
}

/** Shows every event of a session as it arrives, and tells when it is ready and when it has ended. */
export function follow(client: CarrelClient, sessionId: string, progress: Progress): Followed {
  const control = new AbortController()
  const ready = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<{ state: string; reason: string | null }>()
  // Whoever does not wait for one of them still learns of the failure by the other.
  ready.promise.catch(() => undefined)
  ended.promise.catch(() => undefined)
  const read = async () => {
    for await (const event of client.events(sessionId, control.signal)) {
      showEvent(event, progress)
      const entered = enteredState(event)
      if (entered?.state === 'ready') ready.resolve()
      if (entered !== undefined && isEnd(entered.state)) {
        ready.reject(
          new Error(`the session ended before it was ready: ${entered.state} (${entered.reason ?? 'no reason'})`),
        )
        return ended.resolve({ state: entered.state, reason: entered.reason ?? null })
      }
    }
  }
  read().catch((error: unknown) => {
    ready.reject(error)
    ended.reject(error)
  })
  return { id: sessionId, ready: ready.promise, ended: ended.promise, close: () => control.abort() }
}

/** Asks for the end and waits for it. @throws when it has not ended within three minutes */
export async function stopAndWait(client: CarrelClient, followed: Followed): Promise<string> {
  await client.stopSession(followed.id)
  const late = delay(endLimitMs, undefined, { ref: false }).then(() => {
    throw new Error('the session did not end within three minutes')
  })
  const { state } = await Promise.race([followed.ended, late])
  return state
}
