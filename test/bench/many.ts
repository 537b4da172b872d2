import { setTimeout as delay } from 'node:timers/promises'
import type { Portal } from './portal.ts'
import { pooled } from './rounds.ts'

const askedAtOnce = 10
const patienceMs = 20 * 60_000

/** Starts sessions and waits until all are ready. Throws where one ends instead. Returns their ids. */
export async function startMany(portal: Portal, template: string, count: number): Promise<string[]> {
  const templateId = await portal.templateId(template)
  const ids = await pooled(count, askedAtOnce, async () => await portal.create(templateId))
  await untilAll(portal, ids, 'ready')
  return ids
}

/** Waits until each of the sessions is in the state, looking four times a second. Throws where one ended otherwise. */
export async function untilAll(portal: Portal, ids: readonly string[], wanted: string): Promise<void> {
  const deadline = Date.now() + patienceMs
  const left = new Set(ids)
  for (;;) {
    for (const [id, state] of await portal.states()) {
      if (state === wanted) left.delete(id)
      else if (left.has(id) && ['failed', 'rejected', 'stopped'].includes(state))
        throw new Error(`a session became ${state}, not ${wanted}`)
    }
    if (left.size === 0) return
    if (Date.now() > deadline) throw new Error(`${left.size} of ${ids.length} sessions did not become ${wanted}`)
    await delay(250)
  }
}
