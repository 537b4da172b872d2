import type { InstanceRef, InstanceState } from '../provider.ts'
import type { CloudApi } from './api.ts'
import { CloudError } from './cloud-error.ts'
import { findGroups, findServers, withFault } from './everything.ts'
import { checkNames } from './names.ts'
import { serverState } from './states.ts'

/**
 * The instance's state as Nova tells it now. One of which only the security group is there is `pending`, as in the list, as long as
 * no server of it is known: one that was there and is not is `absent`, whatever stands around it.
 */
export async function inspectInstance(
  api: CloudApi,
  ref: InstanceRef,
  networks: readonly string[],
  signal: AbortSignal,
): Promise<InstanceState> {
  checkNames(ref)
  try {
    const [server] = await findServers(api, ref, signal)
    if (server !== undefined) return serverState(await withFault(api, server, signal), networks)
    if (ref.ids?.['server'] !== undefined) return { kind: 'absent' }
    const groups = await findGroups(api, ref, signal)
    return groups.length === 0 ? { kind: 'absent' } : { kind: 'pending', reason: noServer }
  } catch (error) {
    if (error instanceof CloudError) return { kind: 'unknown', why: error.message }
    throw error
  }
}

export const noServer = 'no machine yet'
