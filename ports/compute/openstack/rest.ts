import type { InstanceRef, InstanceState } from '../provider.ts'
import { CloudError } from './cloud-error.ts'
import { findServer } from './everything.ts'
import { inspectInstance, stateOf } from './inspect.ts'
import type { Watched } from './inspect.ts'
import { checkNames } from './names.ts'
import { consoleOutput } from './shapes.ts'
import type { Ground } from './surroundings.ts'

interface Deed {
  readonly action: string
  /** What Nova says that it does then. */
  readonly task: string
}

const shelve: Deed = { action: 'shelve', task: 'shelving' }
const unshelve: Deed = { action: 'unshelve', task: 'unshelving' }

/** What brings a server back, by what it rests in. */
const wakings: Readonly<Record<string, Deed>> = {
  SHELVED: unshelve,
  SHELVED_OFFLOADED: unshelve,
  PAUSED: { action: 'unpause', task: 'unpausing' },
  SUSPENDED: { action: 'resume', task: 'resuming' },
}

/**
 * Shelves it, or brings it back, and says what it is then: Nova takes its time, and `pending` is told meanwhile. What rests already, or
 * runs already, is left alone. One that no machine has room for stays `paused`.
 */
export async function rest(
  ground: Watched,
  ref: InstanceRef,
  wish: 'pause' | 'resume',
  networks: readonly string[],
  signal: AbortSignal,
): Promise<InstanceState> {
  checkNames(ref)
  try {
    const server = await findServer(ground, ref, signal)
    const state = await stateOf(ground, ref, server, networks, signal)
    const deed = wish === 'pause' ? (state.kind === 'running' ? shelve : undefined) : wakings[server?.status ?? '']
    if (server === null || deed === undefined || state.kind === 'pending') return state
    const body = { [deed.action]: null }
    await ground.api.done('compute', 'POST', `/servers/${server.id}/action`, signal, { body })
    ground.changing.sent(ref, { ...server, 'OS-EXT-STS:task_state': deed.task })
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    // A conflict: it is not any more what it was when we looked.
    if (error.status !== 409) return { kind: 'unknown', why: error.message }
  }
  return await inspectInstance(ground, ref, networks, signal)
}

const mostBytes = 64 * 1024

/** The end of what it wrote to its console; empty where that cannot be read. */
export async function readConsole(
  ground: Ground,
  ref: InstanceRef,
  lines: number,
  signal: AbortSignal,
): Promise<string> {
  try {
    const server = await findServer(ground, ref, signal)
    if (server === null) return ''
    const body = { 'os-getConsoleOutput': { length: lines } }
    const path = `/servers/${server.id}/action`
    const { output } = await ground.api.post('compute', path, consoleOutput, signal, { body })
    return Buffer.from(output).subarray(-mostBytes).toString('utf8')
  } catch (error) {
    if (error instanceof CloudError) return ''
    throw error
  }
}
