import { ActivityCancellationType, proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import type { ActivityOptions } from '@temporalio/workflow'
import type { ComputeActivities } from '../activities/compute.ts'
import type { ObserveActivities } from '../activities/observe.ts'
import type { ReadinessActivities } from '../activities/readiness.ts'
import type { SessionActivities } from '../activities/session.ts'
import { careQueue, startQueue } from '../domain/ids.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'

const never: readonly string[] = ['foreign_payload', 'invalid_input']

/**
 * Carrel's own books: short, repeated until the database answers. They run where the workflow runs, inside its task: a decision
 * costs the server one task instead of a dozen events.
 */
export function booksOf(timings: Timings) {
  return proxyLocalActivities<SessionActivities>({
    startToCloseTimeout: timings.databaseTimeoutMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: {
      initialInterval: timings.databaseRetryMs,
      backoffCoefficient: 2,
      maximumInterval: timings.databaseRetryMaxMs,
      nonRetryableErrorTypes: [...never],
    },
  })
}

/** What begins at a provider: may take long, heartbeats, and is left behind as soon as the session must end. */
export function startOf(timings: Timings, providerId: string) {
  const { createInstance } = proxyActivities<ComputeActivities>({
    ...atProvider(timings, startQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.createTimeoutMs,
    summary: 'makes the instance',
  })
  const { awaitReady } = proxyActivities<ReadinessActivities>({
    ...atProvider(timings, startQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.readyTimeoutMs,
    summary: 'waits until the instance answers',
  })
  return { createInstance, awaitReady }
}

/** What looks after instances: never behind a start. Removal is repeated for ever. */
export function careOf(timings: Timings, providerId: string) {
  const { removeInstance } = proxyActivities<ComputeActivities>({
    ...atProvider(timings, careQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.removeTimeoutMs,
    summary: 'removes the instance',
  })
  const { inspectInstance } = proxyActivities<ComputeActivities>({
    ...atProvider(timings, careQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.inspectTimeoutMs,
    summary: 'looks whether the instance is as it should be',
  })
  return { removeInstance, inspectInstance }
}

/** The provider's list, tick by tick. */
export function observerOf(timings: Timings, providerId: string) {
  return proxyActivities<ObserveActivities>({
    ...atProvider(timings, careQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.observeRunMs + timings.inspectTimeoutMs,
    summary: 'lists the provider, tick by tick',
  })
}

function atProvider(timings: Timings, taskQueue: string): ActivityOptions {
  return {
    taskQueue,
    heartbeatTimeout: timings.heartbeatMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: {
      initialInterval: timings.providerRetryMs,
      backoffCoefficient: 2,
      maximumInterval: timings.providerRetryMaxMs,
      nonRetryableErrorTypes: [...never],
    },
  }
}
