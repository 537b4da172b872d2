import type { InstanceRef, InstanceState } from '../provider.ts'
import { CloudError } from './cloud-error.ts'
import type { Changing } from './changing.ts'
import { withFault } from './everything.ts'
import { checkNames } from './names.ts'
import { serverState } from './states.ts'
import type { Server } from './shapes.ts'
import type { Ground } from './surroundings.ts'

export interface Watched extends Ground {
  readonly changing: Changing
}

/**
 * The instance's state as Nova tells it now. One of which only the security group is there is `pending`, as in the list, as long as
 * no server of it is known: one that was there is `absent` when Nova says of itself that it is gone, whatever stands around it. A list
 * without it says nothing: in the version that is spoken here Nova leaves out the servers of a cell that is down.
 */
export async function inspectInstance(
  ground: Watched,
  ref: InstanceRef,
  networks: readonly string[],
  signal: AbortSignal,
): Promise<InstanceState> {
  checkNames(ref)
  try {
    return await stateOf(ground, ref, await ground.changing.find(ref, signal), networks, signal)
  } catch (error) {
    if (error instanceof CloudError) return { kind: 'unknown', why: error.message }
    throw error
  }
}

/** What it means for an instance that this is its server, or that it has none. Throws `CloudError`. */
export async function stateOf(
  { api, looks }: Pick<Ground, 'api' | 'looks'>,
  ref: InstanceRef,
  server: Server | null,
  networks: readonly string[],
  signal: AbortSignal,
): Promise<InstanceState> {
  if (server !== null) return serverState(await withFault(api, server, signal), networks)
  if (ref.ids?.['server'] !== undefined) return { kind: 'absent' }
  const groups = await looks.groups(ref, signal)
  return groups.length === 0 ? { kind: 'absent' } : { kind: 'pending', reason: noServer }
}

export const noServer = 'no machine yet'
