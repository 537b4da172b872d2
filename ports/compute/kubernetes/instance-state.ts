import type { Endpoint, InstanceState } from '../provider.ts'
import type { Stage } from './names.ts'
import { addressList } from '../networks.ts'
import { mainContainer, reportsAnnotation } from './pod.ts'
import type { KubernetesSettings } from './settings.ts'
import type { Pod, Service } from './shapes.ts'
import { neverRan } from './states.ts'
import type { Reading } from './states.ts'

export interface Ground {
  readonly settings: KubernetesSettings
  /** CIDRs in which an endpoint may lie. */
  readonly networks: readonly string[]
  /** The cluster's time, ms since the epoch. */
  readonly now: number
}

/** What is there of an instance. `service`: only where endpoints are at Services. */
export interface Found {
  readonly pod: Pod
  readonly service: Service | null
  readonly stage: Stage | null
}

/** Whether something that may heal has had its time. */
export function isOverdue(reading: Extract<Reading, { kind: 'failing' }>, { settings, now }: Ground): boolean {
  const seconds = reading.code === 'unschedulable' ? settings.unschedulableSeconds : settings.imageFailingSeconds
  return reading.since !== null && now - reading.since >= seconds * 1_000
}

/** The state that a reading of the Pod comes to. Endpoints must lie in the provider's networks, or it is `unknown`. */
export function instanceState(reading: Reading, found: Found, ground: Ground): InstanceState {
  // What wakes has a volume that must not be lost for want of room: it is tried until whoever woke it has enough.
  const patient = found.stage === 'resuming'
  switch (reading.kind) {
    case 'pending':
    case 'unknown':
      return reading
    case 'failing':
      if (patient || !isOverdue(reading, ground)) return { kind: 'pending', reason: reading.reason }
      return hopeless(reading)
    case 'hopeless':
      return patient ? { kind: 'pending', reason: 'it cannot be started' } : hopeless(reading)
    case 'ended':
      if (patient && neverRan(reading)) return { kind: 'unknown', why: 'it woke and never ran: it is made once more' }
      return { ...reading, kind: 'exited' }
    case 'running':
      return runningState(found, ground)
    default:
      return reading satisfies never
  }
}

const hopeless = ({ code, detail }: { code: Extract<Reading, { kind: 'hopeless' }>['code']; detail: string }) =>
  ({ kind: 'exited', exitCode: null, outOfMemory: false, reason: code, detail: detail.slice(0, 500) }) as const

function runningState({ pod, service }: Found, { settings, networks }: Ground): InstanceState {
  // A cluster may put containers of its own beside it, whose ports are nobody's doors.
  const session = pod.spec.containers.find(({ name }) => name === mainContainer)
  const ports = session?.ports.map(({ containerPort }) => containerPort) ?? []
  const reports = reportsAnnotation in pod.metadata.annotations
  const atService = settings.endpoints === 'service' && ports.length > 0 && !reports
  const host = atService ? service?.spec.clusterIP : pod.status.podIP
  if (host === undefined || host === '') return { kind: 'pending', reason: 'it has no address yet' }
  if (!addressList(networks)(host)) return { kind: 'unknown', why: "an endpoint outside the provider's networks" }
  const endpoints = ports.map((port): Endpoint => ({ port, host, hostPort: port }))
  return { kind: 'running', endpoints, ...(reports ? { host } : {}) }
}
