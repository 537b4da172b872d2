import { ApiError } from './api-error.ts'
import type { Api } from './api.ts'
import { pathOf } from './paths.ts'
import { eventListShape } from './shapes.ts'
import type { Event, Pod } from './shapes.ts'
import type { Reading } from './states.ts'

/** What an event says of a Pod whose container is not there yet. */
const told: Readonly<Record<string, string>> = {
  Pulling: 'its image is being fetched',
  FailedMount: 'its volumes cannot be mounted yet',
  FailedAttachVolume: 'its volumes cannot be mounted yet',
  FailedMapVolume: 'its volumes cannot be mounted yet',
  FailedCreatePodSandBox: 'its network cannot be made yet',
  NetworkNotReady: 'its network cannot be made yet',
}

/** Events are kept for an hour and may be missing: they make a reading clearer, and never another one. */
export async function explain(api: Api, pod: Pod, reading: Reading, signal: AbortSignal): Promise<Reading> {
  if (reading.kind === 'pending' && pod.status.phase === 'Pending' && pod.status.containerStatuses.length > 0) {
    const last = (await eventsOf(api, pod, signal)).findLast(({ reason }) => reason in told)
    return { ...reading, reason: told[last?.reason ?? ''] ?? reading.reason }
  }
  if (reading.kind === 'failing' && reading.code !== 'unschedulable') {
    // Fetching its image may have taken long before anything failed for the first time.
    const failed = (await eventsOf(api, pod, signal)).find(({ reason }) => reason === 'Failed')
    return { ...reading, since: failed === undefined ? reading.since : timeOf(failed) }
  }
  return reading
}

/** In their order; none where they cannot be had. */
async function eventsOf(api: Api, { metadata }: Pod, signal: AbortSignal): Promise<Event[]> {
  try {
    // Names are used again: the id is not.
    const query = { fieldSelector: `involvedObject.uid=${metadata.uid}`, limit: 200 }
    const { items } = await api.get(pathOf(metadata.namespace, 'events'), eventListShape, signal, query)
    return items.sort((a, b) => timeOf(a) - timeOf(b))
  } catch (error) {
    if (error instanceof ApiError) return []
    throw error
  }
}

/** When it was seen first, ms since the epoch; 0 where it does not say. */
const timeOf = ({ firstTimestamp, eventTime, lastTimestamp }: Event): number =>
  Date.parse(firstTimestamp ?? eventTime ?? lastTimestamp ?? '') || 0
