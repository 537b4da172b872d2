import type { RetryPolicy } from '@temporalio/common'
import { ActivityCancellationType, proxyActivities, proxyLocalActivities } from '@temporalio/workflow'
import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow'
import type { AccessActivities } from '../activities/access.ts'
import type { CatalogueActivities } from '../activities/catalogue.ts'
import type { CheckActivities, CheckBooksActivities } from '../activities/check.ts'
import type { ComputeActivities } from '../activities/compute.ts'
import type { InvitationBooksActivities, MailActivities } from '../activities/invitation.ts'
import type { ObserveActivities } from '../activities/observe.ts'
import type { PausingActivities } from '../activities/pausing.ts'
import type { ReadinessActivities } from '../activities/readiness.ts'
import type { ReconcileActivities } from '../activities/reconcile.ts'
import type { SessionActivities } from '../activities/session.ts'
import type { SurveyActivities } from '../activities/survey.ts'
import type { UpkeepActivities } from '../activities/upkeep.ts'
import type { WatchDoorsActivities } from '../activities/watch-doors.ts'
import { accessQueue, careQueue, coreQueue, mailQueue, startQueue } from '../domain/ids.ts'
import type { ProviderId } from '../domain/ids.ts'
import { defaultTimings } from '../domain/timings.ts'
import type { Timings } from '../domain/timings.ts'

const never: readonly string[] = ['foreign_payload', 'invalid_input']

/** By how much the wait for the next try grows: to about a sixth of the time that the books have been away. */
const awayGrowth = 1.2
const awayMaxMs = 5 * 60_000

/**
 * Carrel's own books: short, repeated until the database answers. They run where the workflow runs, inside its task: a decision
 * costs the server one task instead of a dozen events. A task that is kept open costs three events every few seconds, and a
 * run that has too many is ended by the server: so whoever waits long sleeps between the tries.
 */
export function booksOf(timings: Timings) {
  const usual = repeated(timings)
  return proxyLocalActivities<SessionActivities>({
    ...usual,
    localRetryThreshold: timings.databaseRetryMaxMs,
    retry: { ...usual.retry, backoffCoefficient: awayGrowth, maximumInterval: awayMaxMs },
  })
}

/** How often a deed is tried that others may hold up, before the workflow looks again whether it should still be done. */
const triesAtOnce = 2

/**
 * The same, for what waits for locks of others: given up after a few tries, none of which outlasts `dueInMs`. Tries, because
 * a local activity whose whole time is over while it waits for its next try is never told so.
 */
export function hastyBooksOf(timings: Timings, dueInMs: number | null) {
  const usual = repeated(timings)
  const eachMs = Math.min(timings.databaseTimeoutMs, Math.ceil(dueInMs ?? Number.POSITIVE_INFINITY))
  return proxyLocalActivities<SessionActivities>({
    ...usual,
    startToCloseTimeout: Math.max(1, eachMs),
    retry: { ...usual.retry, maximumAttempts: triesAtOnce },
  })
}

const booksRetry = (timings: Timings): RetryPolicy => ({
  initialInterval: timings.databaseRetryMs,
  backoffCoefficient: 2,
  maximumInterval: timings.databaseRetryMaxMs,
  nonRetryableErrorTypes: [...never],
})

function repeated(timings: Timings): LocalActivityOptions {
  return {
    startToCloseTimeout: timings.databaseTimeoutMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: booksRetry(timings),
  }
}

/** Reading a catalogue, and bringing what it says in, batch by batch. What does not go for long is left to the next sync. */
export function catalogueOf(timings: Timings) {
  return proxyActivities<CatalogueActivities>({
    taskQueue: coreQueue,
    startToCloseTimeout: timings.reconcileRunMs / 2,
    heartbeatTimeout: timings.heartbeatMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { ...booksRetry(timings), maximumAttempts: triesOfUpkeep },
    summary: 'brings in what a catalogue says',
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
  const { resumeInstance } = proxyActivities<PausingActivities>({
    ...atProvider(timings, startQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.createTimeoutMs,
    summary: 'wakes the instance',
  })
  return { createInstance, awaitReady, resumeInstance }
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
  const { pauseInstance } = proxyActivities<PausingActivities>({
    ...atProvider(timings, careQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.createTimeoutMs,
    summary: 'puts the instance to rest',
  })
  return { removeInstance, inspectInstance, pauseInstance }
}

/** What is done at the gateway outside, repeated until it answers. */
export function accessOf(timings: Timings) {
  return proxyActivities<AccessActivities>({
    ...atProvider(timings, accessQueue),
    // Runs that began before there was such a gateway have no such limit.
    startToCloseTimeout: timings.accessTimeoutMs ?? defaultTimings.accessTimeoutMs,
    summary: 'opens or closes doors at the gateway',
  })
}

/** The books of reconciliation, and what it tells to others. What does not answer for long is left to the next run. */
export function reconcileOf(timings: Timings) {
  const usual = repeated(timings)
  return proxyLocalActivities<Omit<ReconcileActivities, 'beginReconciliation'>>({
    ...usual,
    retry: { ...usual.retry, maximumAttempts: triesOfUpkeep },
  })
}

/** Its beginning asks Temporal as well, about the runs before, and takes its time. */
export function beginOf(timings: Timings) {
  return proxyActivities<Pick<ReconcileActivities, 'beginReconciliation'>>({
    startToCloseTimeout: timings.databaseTimeoutMs * triesOfUpkeep,
    retry: booksRetry(timings),
    summary: 'notes the run, and how far the installation has come',
  })
}

const triesOfUpkeep = 12

/** The steps of one reconciliation: each is tried for a while, and what fails is left to the next one. */
export function surveyOf(timings: Timings, providerId: string) {
  return proxyActivities<SurveyActivities & Pick<ComputeActivities, 'removeInstance'>>({
    ...atProvider(timings, careQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.removeTimeoutMs,
    scheduleToCloseTimeout: timings.removeTimeoutMs,
    summary: 'compares the provider with the rows',
  })
}

/** Looks at a provider for an operator who may wait: for half a minute nobody may come to it, and then it has a minute. */
export function checkOf(timings: Timings, providerId: string) {
  return proxyActivities<CheckActivities>({
    ...atProvider(timings, careQueue(providerId as ProviderId)),
    scheduleToStartTimeout: timings.inspectTimeoutMs,
    startToCloseTimeout: timings.inspectTimeoutMs * checkTimes,
    scheduleToCloseTimeout: timings.inspectTimeoutMs * (checkTimes + 1),
    summary: 'looks what is missing at the provider',
  })
}

const checkTimes = 2

/** Says how a check ended that nobody carried out. */
export function checkBooksOf(timings: Timings) {
  return proxyLocalActivities<CheckBooksActivities>(repeated(timings))
}

/** The provider's list, tick by tick. */
export function observerOf(timings: Timings, providerId: string) {
  return proxyActivities<ObserveActivities>({
    ...atProvider(timings, careQueue(providerId as ProviderId)),
    startToCloseTimeout: timings.observeRunMs + timings.inspectTimeoutMs,
    summary: 'lists the provider, tick by tick',
  })
}

/** What is open at the gateway outside, tick by tick. */
export function doorWatchOf(timings: Timings) {
  return proxyActivities<WatchDoorsActivities>({
    ...atProvider(timings, accessQueue),
    startToCloseTimeout: timings.observeRunMs + timings.accessTimeoutMs,
    summary: 'watches the gateway, tick by tick',
  })
}

/** The books of an invitation, repeated until the database answers. */
export function invitationBooksOf(timings: Timings) {
  return proxyLocalActivities<InvitationBooksActivities>({
    ...repeated(timings),
    localRetryThreshold: timings.databaseRetryMaxMs,
  })
}

/**
 * One try to send a mail. What came of it stands in the row, also whether there is another: so only a worker that is lost is a
 * reason to repeat it here. Where nobody serves mail for a while, the workflow looks again.
 */
export function mailOf(timings: Timings) {
  return proxyActivities<MailActivities>({
    taskQueue: mailQueue,
    scheduleToStartTimeout: timings.checkInvitationMs,
    startToCloseTimeout: timings.mailTryMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { ...booksRetry(timings), maximumAttempts: triesAtOnce },
    summary: 'sends a mail about the invitation',
  })
}

/** A batch of the upkeep is one transaction, but of many rows; and how long its tries may go on, as parts of one on the books. */
const batchTransactions = 12
const batchTriesTransactions = 36

/**
 * The batches of `expire` and `retention`. Ordinary activities: nobody waits for them, a batch may take longer than a workflow
 * task may, and each is seen by its name. They are too short to heartbeat. Their tries end: what time makes due is due still
 * when the next run comes.
 */
export function upkeepOf(timings: Timings) {
  return proxyActivities<UpkeepActivities>({
    taskQueue: coreQueue,
    startToCloseTimeout: batchTransactions * timings.databaseTimeoutMs,
    scheduleToCloseTimeout: batchTriesTransactions * timings.databaseTimeoutMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: booksRetry(timings),
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
