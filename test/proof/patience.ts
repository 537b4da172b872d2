import { setTimeout as delay } from 'node:timers/promises'

/** Asks again while whoever is asked is down: a proof kills what it asks. Throws the last trouble when the time is over. */
export async function patiently<T>(ask: () => Promise<T>, withinMs = 120_000): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await delay(250)
    }
  }
}
