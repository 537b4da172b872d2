import { setTimeout as wait } from 'node:timers/promises'
import type { InstanceRef, Removed } from '../provider.ts'
import type { CloudApi } from './api.ts'
import { CloudError } from './cloud-error.ts'
import { isGoing, lookFor } from './everything.ts'
import type { Remains } from './everything.ts'
import { checkNames } from './names.ts'
import { serverAlone } from './shapes.ts'
import type { Ground } from './surroundings.ts'
import { tolerant } from './surroundings.ts'

/** What is being deleted is told so again after so many looks: Nova forgets when a machine of its own dies. */
const remindAfter = 40

/**
 * Removes what belongs to the instance: server, ports, floating address, volumes, security group, in this order, and goes on only
 * when the server was seen gone twice. `removed` only when two looks in a row showed nothing of any kind.
 */
export async function removeInstance(ground: Ground, ref: InstanceRef, signal: AbortSignal): Promise<Removed> {
  checkNames(ref)
  const { api, settings } = ground
  const deadline = AbortSignal.timeout(settings.removeTimeoutMs)
  const both = AbortSignal.any([signal, deadline])
  const known = new Set<string>(Object.values(ref.ids ?? {}))
  let [withoutServer, withoutAny] = [0, 0]
  try {
    for (let round = 0; !both.aborted; round++) {
      const left = await lookFor(api, ref, both)
      left.servers.forEach(({ id }) => known.add(id))
      const hidden = left.servers.length === 0 ? await stillThere(api, known, both) : []
      withoutServer = left.servers.length + hidden.length === 0 ? withoutServer + 1 : 0
      withoutAny = withoutServer > 0 && count(left) === 0 ? withoutAny + 1 : 0
      if (withoutAny >= 2) return { kind: 'removed' }
      for (const server of left.servers)
        if (!isGoing(server) || round % remindAfter === remindAfter - 1)
          await tolerant(api.done('compute', 'DELETE', `/servers/${server.id}`, both))
      for (const id of hidden)
        await tolerant(api.done('compute', 'POST', `/servers/${id}/action`, both, { body: { forceDelete: null } }))
      if (withoutServer >= 2) await removeSurroundings(api, left, both)
      // After a deed the next look comes at once; before, there is something to wait for.
      if (withoutServer < 2 || withoutAny > 0) await wait(settings.lookAgainMs, undefined, { signal: both })
    }
    return { kind: 'unknown', why: 'it is still there' }
  } catch (error) {
    return { kind: 'unknown', why: error instanceof CloudError ? error.message : 'the time was over' }
  }
}

const count = ({ servers, ports, floatings, volumes, groups }: Remains): number =>
  servers.length + ports.length + floatings.length + volumes.length + groups.length

async function removeSurroundings(api: CloudApi, left: Remains, signal: AbortSignal): Promise<void> {
  const remove = async (service: 'network' | 'volume', path: string, found: readonly { readonly id: string }[]) => {
    await Promise.all(found.map(({ id }) => tolerant(api.done(service, 'DELETE', `${path}/${id}`, signal))))
  }
  await remove('network', '/ports', left.ports)
  await remove('network', '/floatingips', left.floatings)
  await remove('volume', '/volumes', left.volumes)
  await remove('network', '/security-groups', left.groups)
}

/** Servers that the list keeps silent about: deleted, and kept by the cloud for some time in case it was a mistake. */
async function stillThere(api: CloudApi, ids: ReadonlySet<string>, signal: AbortSignal): Promise<string[]> {
  const found: string[] = []
  for (const id of ids) {
    try {
      const { status } = await api.get('compute', `/servers/${id}`, serverAlone, signal)
      if (status !== 'DELETED') found.push(id)
    } catch (error) {
      if (!(error instanceof CloudError && error.gone)) throw error
    }
  }
  return found
}
