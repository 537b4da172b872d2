import type { RefusalCode } from '../../../domain/errors.ts'
import type { FailReason } from '../../../domain/lifecycle.ts'
import type { Stage } from './names.ts'
import { mainContainer } from './pod.ts'
import type { Pod, Terminated } from './shapes.ts'

/** What a Pod shows, in Carrel's words but without addresses. */
export type Reading =
  | { readonly kind: 'pending'; readonly reason: string }
  /** It cannot go on, and may heal: for good once it has been so for as long as the settings say. `since` in ms. */
  | {
      readonly kind: 'failing'
      readonly code: RefusalCode
      readonly reason: string
      readonly detail: string
      readonly since: number | null
    }
  /** It never will run. */
  | { readonly kind: 'hopeless'; readonly code: RefusalCode; readonly detail: string }
  | { readonly kind: 'running' }
  | {
      readonly kind: 'ended'
      readonly exitCode: number | null
      readonly outOfMemory: boolean
      readonly reason?: FailReason
      readonly detail?: string
    }
  | { readonly kind: 'unknown'; readonly why: string; readonly unnamed?: string }

type Waiting = {
  readonly kind: 'pending' | 'failing' | 'hopeless'
  readonly code?: RefusalCode
  readonly reason: string
}

/** What a container waits for. Texts are never read: a registry that refuses and one that knows no such image differ in nothing else. */
const waiting: Readonly<Record<string, Waiting>> = {
  ContainerCreating: { kind: 'pending', reason: 'its container is being made' },
  PodInitializing: { kind: 'pending', reason: 'its container is being made' },
  ErrImagePull: { kind: 'failing', code: 'image_missing', reason: 'its image cannot be fetched' },
  ImagePullBackOff: { kind: 'failing', code: 'image_missing', reason: 'its image cannot be fetched' },
  RegistryUnavailable: { kind: 'failing', code: 'image_missing', reason: 'its image cannot be fetched' },
  ImageInspectError: { kind: 'failing', code: 'image_missing', reason: 'its image cannot be read' },
  SignatureValidationFailed: { kind: 'hopeless', code: 'image_missing', reason: 'its image is not signed' },
  ErrImageNeverPull: { kind: 'hopeless', code: 'image_missing', reason: 'its image is not there' },
  InvalidImageName: { kind: 'hopeless', code: 'image_missing', reason: 'its image has no such name' },
  CreateContainerConfigError: { kind: 'failing', code: 'start_failed', reason: 'its container cannot be made' },
  CreateContainerError: { kind: 'failing', code: 'start_failed', reason: 'its container cannot be made' },
  PreCreateHookError: { kind: 'failing', code: 'start_failed', reason: 'its container cannot be made' },
  PreStartHookError: { kind: 'failing', code: 'start_failed', reason: 'its container cannot be started' },
  PostStartHookError: { kind: 'failing', code: 'start_failed', reason: 'its container cannot be started' },
  RunContainerError: { kind: 'hopeless', code: 'start_failed', reason: 'its program cannot be run' },
  CrashLoopBackOff: { kind: 'hopeless', code: 'start_failed', reason: 'its program ends again and again' },
}

/** Why a container ended, where it was not its own doing. */
const containerEnds: Readonly<Record<string, FailReason>> = {
  StartError: 'start_failed',
  ContainerCannotRun: 'start_failed',
  ContainerStatusUnknown: 'node_failed',
}

/** Why a Pod ended, where it was not its container's doing. */
const podEnds: Readonly<Record<string, FailReason>> = {
  Evicted: 'preempted',
  Preempting: 'preempted',
  Shutdown: 'node_failed',
  Terminated: 'node_failed',
  NodeShutdown: 'node_failed',
  NodeLost: 'node_failed',
  NodeAffinity: 'unschedulable',
  UnexpectedAdmissionError: 'unschedulable',
  VolumeAttachmentLimitExceeded: 'unschedulable',
  TopologyAffinityError: 'unschedulable',
}

/** Its machine had too little of something, which stands behind this: of `cpu`, or of what GPUs are called. */
const outOf = /^OutOf./

/** Who disturbed a Pod, by its condition DisruptionTarget. */
const disruptions: Readonly<Record<string, FailReason>> = {
  PreemptionByScheduler: 'preempted',
  EvictionByEvictionAPI: 'preempted',
  TerminationByKubelet: 'preempted',
  DeletionByTaintManager: 'node_failed',
  DeletionByPodGC: 'node_failed',
}

/** How long after its containers' grace a cluster may take to write down how a Pod ended, and why. */
const endingMs = 5_000

/**
 * Reads a Pod; `now` by the cluster's clock, ms since the epoch. The phase alone never decides: it says `Running` of one that goes,
 * and `Pending` of one that never will run.
 */
export function readPod(pod: Pod, stage: Stage | null, now: number): Reading {
  const { status, metadata } = pod
  if (stage === 'pausing') return { kind: 'pending', reason: 'it is being paused' }
  // The one that was paused: another one takes its place.
  if (stage === 'resuming' && metadata.deletionTimestamp !== undefined) return { kind: 'pending', reason: 'it wakes' }
  if (status.phase === 'Failed' || status.phase === 'Succeeded') return ended(pod)
  if (metadata.deletionTimestamp !== undefined) return { kind: 'unknown', why: 'it is being deleted' }
  if (status.phase !== 'Pending' && status.phase !== 'Running') return unnamed('phase', status.phase)

  const scheduled = conditionOf(pod, 'PodScheduled')
  if (scheduled === undefined) return { kind: 'pending', reason: 'it waits for a machine' }
  if (scheduled.status !== 'True') return unscheduled(scheduled)

  const state = status.containerStatuses.find(({ name }) => name === mainContainer)?.state
  if (state === undefined) return { kind: 'pending', reason: 'its container is being made' }
  if (state.terminated !== undefined)
    return isHeldOpen(pod, state.terminated, now)
      ? ended(pod)
      : { kind: 'pending', reason: 'its end is being written down' }
  if (state.waiting !== undefined) return waitingFor(state.waiting, scheduled.lastTransitionTime)
  if (state.running === undefined) return { kind: 'pending', reason: 'its container is being made' }
  return readiness(pod)
}

/**
 * What the cluster put beside a session runs on when that has ended, and with it the Pod's phase. Where all of the Pod ends, as on a
 * machine that evicts it, it is no more than slower, within its grace.
 */
function isHeldOpen({ spec, status }: Pod, { finishedAt }: Terminated, now: number): boolean {
  if (now - (timeOf(finishedAt) ?? 0) <= spec.terminationGracePeriodSeconds * 1_000 + endingMs) return false
  return status.containerStatuses.some(({ name, state }) => name !== mainContainer && state.terminated === undefined)
}

/** It ended, and its program never ran. */
export const neverRan = (reading: Reading): boolean =>
  reading.kind === 'ended' && (reading.exitCode === null || reading.reason === 'start_failed')

/** The cluster's word is in no table. */
const unnamed = (what: string, word: string): Reading => {
  const said = `${what} ${word.slice(0, 40)}`
  return { kind: 'unknown', why: `a state that is not known: ${said}`, unnamed: said }
}

function unscheduled({ reason, message, lastTransitionTime }: Condition): Reading {
  if (reason === 'SchedulingGated') return { kind: 'pending', reason: 'the cluster holds it back' }
  if (reason === '' || reason === 'SchedulerError') return { kind: 'pending', reason: 'it waits for a machine' }
  if (reason !== 'Unschedulable') return unnamed('unscheduled', reason)
  const since = timeOf(lastTransitionTime)
  return { kind: 'failing', code: 'unschedulable', reason: 'no machine has room for it', detail: message, since }
}

function waitingFor(
  { reason, message }: { reason: string; message: string },
  placed: string | null | undefined,
): Reading {
  const means = reason === '' ? waiting['ContainerCreating'] : waiting[reason]
  if (means === undefined) return unnamed('waiting', reason)
  const { kind, code = 'start_failed' } = means
  const detail = `${reason}: ${message}`
  switch (kind) {
    case 'pending':
      return { kind, reason: means.reason }
    case 'failing':
      return { kind, code, reason: means.reason, detail, since: timeOf(placed) }
    case 'hopeless':
      return { kind, code, detail }
    default:
      return kind satisfies never
  }
}

const notReadyYet = ['ContainersNotReady', 'ReadinessGatesNotReady', 'UnknownContainerStatuses']

/** Its container runs; whether it may be reached is said by the condition Ready, which a machine that is lost takes back. */
function readiness(pod: Pod): Reading {
  const ready = conditionOf(pod, 'Ready')
  if (ready?.status === 'True') return { kind: 'running' }
  if (ready === undefined || notReadyYet.includes(ready.reason)) return { kind: 'pending', reason: 'it starts' }
  return ready.reason === ''
    ? { kind: 'unknown', why: 'its machine does not answer the cluster' }
    : unnamed('not ready', ready.reason)
}

function ended(pod: Pod): Reading {
  const { status } = pod
  const end = status.containerStatuses.find(({ name }) => name === mainContainer)?.state.terminated
  const disrupted = conditionOf(pod, 'DisruptionTarget')
  const disruption = disrupted?.status === 'True' ? disruptions[disrupted.reason] : undefined
  const podEnd = outOf.test(status.reason) ? 'unschedulable' : podEnds[status.reason]
  const own = end === undefined ? undefined : containerEnds[end.reason]
  const reason = podEnd ?? disruption ?? own ?? (wasRefused(pod) ? 'start_failed' : undefined)
  const outOfMemory = end?.reason === 'OOMKilled'
  if (reason === undefined && !outOfMemory && wasDeleted(pod, end?.finishedAt))
    return { kind: 'ended', exitCode: end?.exitCode ?? null, outOfMemory, reason: 'instance_lost', detail: 'deleted' }
  if (reason === undefined) return { kind: 'ended', exitCode: end?.exitCode ?? null, outOfMemory }
  // What a container says of its own end is a user's; only where it never ran is it the cluster's.
  const cluster = end?.reason === 'StartError' || end?.reason === 'ContainerCannotRun' ? end.message : status.message
  const detail = [status.reason, disrupted?.reason, cluster].filter(Boolean).join(': ').slice(0, 500)
  return { kind: 'ended', exitCode: end?.exitCode ?? null, outOfMemory, reason, detail }
}

/** Its machine would not have it, and says why: no container of it ever was. */
const wasRefused = ({ status, metadata }: Pod): boolean =>
  status.containerStatuses.length === 0 && status.reason !== '' && metadata.deletionTimestamp === undefined

/** Somebody asked for its deletion before its container ended, which is why it did. */
function wasDeleted({ metadata }: Pod, finishedAt: string | null | undefined): boolean {
  const over = timeOf(metadata.deletionTimestamp)
  if (over === null) return false
  const finished = timeOf(finishedAt)
  return finished === null || finished >= over - (metadata.deletionGracePeriodSeconds ?? 0) * 1_000
}

type Condition = Pod['status']['conditions'][number]
const conditionOf = (pod: Pod, type: string): Condition | undefined =>
  pod.status.conditions.find((condition) => condition.type === type)

function timeOf(text: string | null | undefined): number | null {
  const time = Date.parse(text ?? '')
  return Number.isNaN(time) ? null : time
}
