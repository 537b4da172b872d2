import { setTimeout as wait } from 'node:timers/promises'
import type { CallContext } from '../provider.ts'
import { ApiError } from './api-error.ts'
import { explain } from './events.ts'
import { orNull } from './find.ts'
import type { Deps } from './inspect.ts'
import { isOverdue } from './instance-state.ts'
import { pathOf } from './paths.ts'
import { Refusal } from '../refusal.ts'
import { podShape } from './shapes.ts'
import type { Pod } from './shapes.ts'
import { readPod } from './states.ts'

const soonestMs = 100
const latestMs = 1_000
/** Most Pods run after this; why one does not is asked for later. */
const usualMs = 3_000

/**
 * Watches a Pod until it runs, ended or is gone, for as long as the settings say. Throws `Refusal` as soon as it is sure that it
 * never will run; everything else, and what comes later, is told by an inspection.
 */
export async function watchStart(deps: Deps, namespace: string, name: string, call: CallContext): Promise<void> {
  const { api, settings } = deps
  const until = Date.now() + settings.watchMs
  const patientFrom = Date.now() + usualMs
  for (let pauseMs = soonestMs; ; pauseMs = Math.min(latestMs, pauseMs * 1.5)) {
    const pod: Pod | null = await orNull(api.get(pathOf(namespace, 'pods', name), podShape, call.signal))
    // Somebody deleted it: trying again would not bring it back, and the cluster is well.
    if (pod === null) return
    const shown = readPod(pod, null, api.now())
    const hurried = shown.kind === 'pending' && Date.now() < patientFrom
    const reading = hurried ? shown : await explain(api, pod, shown, call.signal)
    switch (reading.kind) {
      case 'running':
      case 'unknown':
        return
      case 'ended':
        if (reading.reason === 'start_failed' || reading.reason === 'unschedulable')
          throw new Refusal(reading.reason, reading.detail ?? '')
        return
      case 'hopeless':
        throw new Refusal(reading.code, reading.detail)
      case 'failing':
        if (isOverdue(reading, { settings, networks: [], now: api.now() }))
          throw new Refusal(reading.code, reading.detail)
        call.progress?.({ message: `Waiting: ${reading.reason}`, percent: null })
        break
      case 'pending':
        call.progress?.({ message: `Waiting: ${reading.reason}`, percent: null })
        break
      default:
        reading satisfies never
    }
    if (Date.now() >= until) return
    await wait(pauseMs, undefined, { signal: call.signal }).catch(() => undefined)
    if (call.signal.aborted) throw new ApiError(null, 'cancelled')
  }
}
