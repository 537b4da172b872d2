import { setTimeout as wait } from 'node:timers/promises'
import { allOf } from '../all-of.ts'
import type { InstanceRef, Removed } from '../provider.ts'
import type { CloudApi } from './api.ts'
import type { Service } from './catalog.ts'
import { CloudError } from './cloud-error.ts'
import { forgottenImages, lookAround, serverById } from './everything.ts'
import type { Surroundings } from './everything.ts'
import type { Limit } from './limit.ts'
import { isGoing } from './looks.ts'
import { isMarked } from '../marks.ts'
import { checkNames } from './names.ts'
import type { Image, Port } from './shapes.ts'
import type { Ground } from './surroundings.ts'
import { tolerant } from './surroundings.ts'

/** What is being deleted is told so again after so many looks: Nova forgets when a machine of its own dies. */
const remindAfter = 15
/** So many times as long, at most, is waited between two looks at what goes slowly: a busy cloud is asked less. */
const mostLooks = 8

export interface RemoveDeps extends Ground {
  /** Bounds how many removals ask and act at once; what waits for the cloud takes no place. */
  readonly removals: Limit
}

/**
 * Removes what belongs to the instance: server, ports, floating address, images, volumes, security group, in this order, and goes on only
 * when the server was seen gone twice. `removed` only when two looks in a row showed nothing of any kind.
 */
export async function removeInstance(deps: RemoveDeps, ref: InstanceRef, signal: AbortSignal): Promise<Removed> {
  checkNames(ref)
  const { settings, removals } = deps
  const both = AbortSignal.any([signal, AbortSignal.timeout(settings.removeTimeoutMs)])
  const step = removing(deps, ref, both)
  let next: Next = 'again'
  try {
    for (let round = 0; !both.aborted; round++) {
      // A place for each round, not for the whole: a server that goes slowly keeps nobody waiting. Whose server is gone comes
      // first, so that of many that begin at once some soon end, and not all of them late.
      next = await removals(() => step(round), both, round === 0 ? 'last' : placeAfter(next))
      if (next === 'removed') return { kind: 'removed' }
      const goes = next === 'server' || next === 'volume'
      const looks = goes ? Math.min(round + 1, mostLooks) : next === 'wait' ? 1 : 0
      if (looks > 0) await wait(settings.lookAgainMs * looks, undefined, { signal: both })
    }
    return { kind: 'unknown', why: overdue(next) }
  } catch (error) {
    return { kind: 'unknown', why: error instanceof CloudError && !both.aborted ? error.message : overdue(next) }
  }
}

const placeAfter = (next: Next) => (next === 'server' ? 'last' : 'next')

/** A volume stays where Cinder does not believe Nova that it is free: then somebody must look there. */
const overdue = (next: Next): string =>
  `the time was over${next === 'server' || next === 'volume' ? `: its ${next} is still there` : ''}`

/** `server`, `volume`: it is still there, and takes its time. */
type Next = 'removed' | 'server' | 'volume' | 'wait' | 'again'

/** One look, and what follows from it and from those before it. */
function removing({ api, looks }: Ground, ref: InstanceRef, signal: AbortSignal): (round: number) => Promise<Next> {
  const known = new Set<string>(Object.values(ref.ids ?? {}))
  let [hadServer, isEnding] = [false, false]
  let [withoutServer, withoutAny] = [0, 0]
  return async (round) => {
    const isReminder = round % remindAfter === remindAfter - 1
    const isThere = (await looks.present(ref, signal)).length > 0
    // Nova does what it was told: that it is there still is all there is to know.
    if (isThere && isEnding && !isReminder) return 'server'
    const servers = isThere ? await looks.servers(ref, signal) : []
    servers.forEach(({ id }) => known.add(id))
    const hidden = servers.length === 0 ? await stillThere(api, known, signal) : []
    isEnding = servers.length > 0 && servers.every(isGoing)
    if (servers.length + hidden.length > 0) {
      hadServer = true
      withoutServer = withoutAny = 0
      for (const server of servers)
        if (!isGoing(server) || isReminder)
          await tolerant(api.done('compute', 'DELETE', `/servers/${server.id}`, signal))
      for (const id of hidden)
        await tolerant(api.done('compute', 'POST', `/servers/${id}/action`, signal, { body: { forceDelete: null } }))
      return 'server'
    }
    withoutServer += 1
    // Of what stands around it nothing is asked before it may be touched: Neutron has enough to do with its end.
    if (hadServer && withoutServer < 2) return 'wait'
    const left = { ...(await lookAround(looks, ref, signal)), images: await forgottenImages(api, ref, known, signal) }
    withoutAny = count(left) === 0 ? withoutAny + 1 : 0
    if (withoutAny >= 2) return 'removed'
    const holders = await holdersOf(api, ref, left.ports, known, signal)
    if (holders.length > 0) {
      holders.forEach((id) => known.add(id))
      return 'again'
    }
    if (withoutServer < 2) return 'wait'
    await removeSurroundings(api, left, signal)
    // Neutron has done what it was told when it says so. Cinder begins then, or refuses as long as a volume is in use.
    if (left.volumes.length > 0) return 'volume'
    // After a deed the next look comes at once; before, there is something to wait for.
    return withoutAny > 0 ? 'wait' : 'again'
  }
}

interface Left extends Surroundings {
  readonly images: readonly Image[]
}

const count = ({ ports, floatings, images, volumes, groups }: Left): number =>
  ports.length + floatings.length + images.length + volumes.length + groups.length

async function removeSurroundings(api: CloudApi, left: Left, signal: AbortSignal): Promise<void> {
  const remove = async (service: Service, path: string, found: readonly { readonly id: string }[]) => {
    await allOf(found.map(({ id }) => tolerant(api.done(service, 'DELETE', `${path}/${id}`, signal))))
  }
  await remove('network', '/ports', left.ports)
  await remove('network', '/floatingips', left.floatings)
  await remove('image', '/images', left.images)
  const standing = left.volumes.filter(({ status }) => status !== 'deleting')
  await remove('volume', '/volumes', standing)
  // It stands for all else: whoever finds none believes that there is nothing.
  if (left.volumes.length + left.images.length === 0) await remove('network', '/security-groups', left.groups)
}

/** Servers that the list keeps silent about: deleted and kept for some time in case it was a mistake, or of a cell that is down. */
async function stillThere(api: CloudApi, ids: ReadonlySet<string>, signal: AbortSignal): Promise<string[]> {
  const found: string[] = []
  for (const id of ids) if ((await serverById(api, id, signal)) !== null) found.push(id)
  return found
}

/**
 * The instance's servers of which its ports alone know: the answer to their making was lost, and the list keeps silent. Those that
 * are `known` were just looked for. A server that is not marked as this instance's is somebody else's, and stays.
 */
async function holdersOf(
  api: CloudApi,
  ref: InstanceRef,
  ports: readonly Port[],
  known: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<string[]> {
  const found: string[] = []
  for (const { device_id: id } of ports) {
    if (!serverId.test(id) || known.has(id)) continue
    const server = await serverById(api, id, signal)
    if (server !== null && isMarked(server.metadata, ref)) found.push(id)
  }
  return found
}

/** What else may hold a port has names of its own kind. */
const serverId = /^[0-9a-f-]{36}$/i
