import type { InstanceSpec } from '../provider.ts'
import type { RefusalCode } from '../../../domain/errors.ts'
import type { KubernetesSettings } from './settings.ts'
import { isMountTarget } from './volumes.ts'

/** What this driver cannot do for anybody; `null` where there is nothing. */
export function objection(
  spec: InstanceSpec,
  settings: KubernetesSettings,
): { readonly code: RefusalCode; readonly detail: string } | null {
  const unfit = (detail: string) => ({ code: 'template_unfit', detail }) as const
  const { resources, user, terms } = spec
  if (resources.cpuMilli <= 0 || resources.memoryMib < 6) return unfit('a session needs a CPU limit and at least 6 MiB')
  if (resources.gpus > 0 && gpuResource(spec, settings) === undefined)
    return unfit('neither the template nor the provider says what a GPU is called (gpuResource)')
  if (user?.uid === 0) return unfit('root is not allowed')
  if (spec.egress === 'site' && settings.siteNetworks.length === 0) return unfit('this provider has no site networks')
  if (spec.mounts.some((mount) => 'hostPath' in mount))
    return unfit('a directory of a machine, and this provider mounts volumes alone')
  const workspace = terms.kubernetes?.workspace?.target
  const unwritable = workspace === undefined ? null : workspaceObjection(spec)
  if (unwritable !== null) return unfit(unwritable)
  const targets = [...spec.mounts.map(({ target }) => target), ...(workspace === undefined ? [] : [workspace])]
  const bad = targets.find((target) => !isMountTarget(target))
  if (bad !== undefined) return unfit(`nothing may be mounted at ${bad}`)
  const twice = targets.find((target, at) => targets.indexOf(target) !== at)
  return twice === undefined ? null : unfit(`two things would be mounted at ${twice}`)
}

/**
 * Why the workspace could not be had, or not be written: it is handed to the session's group by `fsGroup`, which the cluster does
 * to every volume of the Pod that it mounts to be written and can change, the data of others too. NFS exports alone it never changes.
 */
function workspaceObjection({ resources, user, mounts }: InstanceSpec): string | null {
  if (resources.diskMib <= 0) return 'a workspace needs a size with a disk'
  if (user === null)
    return "a workspace needs the template's user: the image's own is not known, and the volume would be root's"
  const changed = mounts.find((mount) => mount.mode === 'rw' && 'volume' in mount && mount.volume.kind !== 'nfs')
  return changed === undefined
    ? null
    : `a workspace beside ${changed.target}, mounted to be written: the cluster would change the group of its files too`
}

/** What a GPU is called for this instance. */
export const gpuResource = ({ terms }: Pick<InstanceSpec, 'terms'>, settings: KubernetesSettings): string | undefined =>
  terms.kubernetes?.gpuResource ?? settings.gpuResource
