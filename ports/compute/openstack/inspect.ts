import type { InstanceRef, InstanceState } from '../provider.ts'
import type { CloudApi } from './api.ts'
import { CloudError } from './cloud-error.ts'
import { findGroups, findServer, withFault } from './everything.ts'
import { checkNames } from './names.ts'
import { serverState } from './states.ts'

/**
 * The instance's state as Nova tells it now. One of which only the security group is there is `pending`, as in the list, as long as
 * no server of it is known: one that was there is `absent` when Nova says of itself that it is gone, whatever stands around it. A list
 * without it says nothing: in the version that is spoken here Nova leaves out the servers of a cell that is down.
 */
export async function inspectInstance(
  api: CloudApi,
  ref: InstanceRef,
  networks: readonly string[],
  signal: AbortSignal,
): Promise<InstanceState> {
  checkNames(ref)
  try {
    const server = await findServer(api, ref, signal)
    if (server !== null) return serverState(await withFault(api, server, signal), networks)
    if (ref.ids?.['server'] !== undefined) return { kind: 'absent' }
    const groups = await findGroups(api, ref, signal)
    return groups.length === 0 ? { kind: 'absent' } : { kind: 'pending', reason: noServer }
  } catch (error) {
    if (error instanceof CloudError) return { kind: 'unknown', why: error.message }
    throw error
  }
}

export const noServer = 'no machine yet'
