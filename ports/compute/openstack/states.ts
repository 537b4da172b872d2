import type { FailReason } from '../../../domain/lifecycle.ts'
import type { InstanceState, Running } from '../provider.ts'
import { addressIn, portsIn } from './names.ts'
import { addressList } from '../networks.ts'
import { quotaWords } from './refusal.ts'
import type { Server } from './shapes.ts'

type Meaning = 'pending' | 'running' | 'paused' | 'failed' | 'exited' | 'absent' | 'unknown'

/** What each status of Nova means to us; a status that is not here is `unknown`, and counted. */
const meaning: Readonly<Record<string, Meaning>> = {
  BUILD: 'pending',
  ACTIVE: 'running',
  // The machine restarts, moves or waits for a word; it keeps its place, and its doors say whether it answers.
  REBOOT: 'running',
  HARD_REBOOT: 'running',
  PASSWORD: 'running',
  MIGRATING: 'running',
  RESIZE: 'running',
  VERIFY_RESIZE: 'running',
  REVERT_RESIZE: 'running',
  SHELVED: 'paused',
  SHELVED_OFFLOADED: 'paused',
  // By another's hand; resumed as what was shelved is.
  PAUSED: 'paused',
  SUSPENDED: 'paused',
  SHUTOFF: 'exited',
  ERROR: 'failed',
  DELETED: 'absent',
  // Somebody works on it beside us, or its machine is out of sight: nothing is concluded.
  REBUILD: 'unknown',
  RESCUE: 'unknown',
  SOFT_DELETED: 'unknown',
  UNKNOWN: 'unknown',
}

/** What Nova is doing to it now, whatever its status: it is on its way to another. */
const onTheWay: Readonly<Record<string, string>> = {
  deleting: 'it is being deleted',
  'soft-deleting': 'it is being deleted',
  shelving: 'it is being shelved',
  shelving_image_pending_upload: 'it is being shelved',
  shelving_image_uploading: 'it is being shelved',
  unshelving: 'it is being unshelved',
  'powering-on': 'it is being switched on',
  pausing: 'it is being paused',
  unpausing: 'it is being resumed',
  suspending: 'it is being suspended',
  resuming: 'it is being resumed',
}

/** How far a build has come. */
const building: Readonly<Record<string, string>> = {
  scheduling: 'a machine is being looked for',
  networking: 'its network is being set up',
  block_device_mapping: 'its disk is being made',
  spawning: 'it is being started',
}

/** Reads a server. Addresses must lie in the provider's networks, or the state is `unknown`. */
export function serverState(server: Server, networks: readonly string[]): InstanceState {
  const task = server['OS-EXT-STS:task_state']
  const kind = meaning[server.status]
  const moving = onTheWay[task] ?? (kind === 'paused' ? building[task] : undefined)
  if (moving !== undefined) return { kind: 'pending', reason: moving }
  switch (kind) {
    case 'pending':
      return { kind, reason: building[task] ?? 'it is being made' }
    case 'running':
      return runningState(server, networks)
    case 'paused':
      return { kind }
    case 'exited':
      return { kind, exitCode: null, outOfMemory: false, detail: 'the machine was switched off' }
    case 'failed':
      return failedState(server)
    case 'absent':
      return { kind }
    case 'unknown':
      return { kind, why: `nova says ${server.status}` }
    case undefined: {
      const unnamed = server.status.slice(0, 40)
      return { kind: 'unknown', why: `a status that is not known: ${unnamed}`, unnamed }
    }
    default:
      return kind satisfies never
  }
}

function runningState(server: Server, networks: readonly string[]): InstanceState {
  const wanted = addressIn(server.metadata)
  const all = Object.values(server.addresses).flat()
  const own = all.filter((a) => a['OS-EXT-IPS:type'] === wanted).sort((a, b) => a.version - b.version)
  if (own.length === 0) return { kind: 'pending', reason: 'it has no address yet' }
  const host = own.map(({ addr }) => addr).find(addressList(networks))
  if (host === undefined) return { kind: 'unknown', why: "an address outside the provider's networks" }
  const ports = portsIn(server.metadata)
  if (ports === 'reported') return { kind: 'running', endpoints: [], host }
  const endpoints: Running['endpoints'] = ports.map((port) => ({ port, host, hostPort: port }))
  return { kind: 'running', endpoints }
}

/** Nova's lists keep silent about the faults of servers that no machine took: then no reason is said either. */
function failedState(server: Server): InstanceState {
  if (server.fault === undefined) return { kind: 'exited', exitCode: null, outOfMemory: false }
  const words = server.fault.message.slice(0, 500).trim()
  const reason = reasonOf(words, server['OS-SRV-USG:launched_at'] !== '')
  const detail = words === '' ? 'nova says ERROR, and no more' : `nova: ${words}`.slice(0, 500)
  return { kind: 'exited', exitCode: null, outOfMemory: false, reason, detail }
}

/** What a fault's words mean of a server that never ran. The first that fits counts. */
const faults: readonly (readonly [RegExp, FailReason])[] = [
  // Several machines were tried in vain: the place was there.
  [/exceeded max(imum)? (number of retries|scheduling attempts)/i, 'start_failed'],
  [/no valid host/i, 'unschedulable'],
  [quotaWords, 'backend_quota'],
  [/image .*(could not be found|is unacceptable|not found)/i, 'image_missing'],
]

export function reasonOf(words: string, ran: boolean): FailReason {
  if (ran) return 'node_failed'
  return faults.find(([pattern]) => pattern.test(words))?.[1] ?? 'start_failed'
}
