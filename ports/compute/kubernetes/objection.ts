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
  if (resources.gpus > 0 && gpuResource(spec, settings) === undefined) return unfit('this provider has no GPUs')
  if (user?.uid === 0) return unfit('root is not allowed')
  if (spec.egress === 'site' && settings.siteNetworks.length === 0) return unfit('this provider has no site networks')
  if (spec.mounts.some((mount) => 'hostPath' in mount))
    return unfit('a directory of a machine, and this provider mounts volumes alone')
  const workspace = terms.kubernetes?.workspace?.target
  if (workspace !== undefined && resources.diskMib <= 0) return unfit('a workspace needs a size with a disk')
  const targets = [...spec.mounts.map(({ target }) => target), ...(workspace === undefined ? [] : [workspace])]
  const bad = targets.find((target) => !isMountTarget(target))
  if (bad !== undefined) return unfit(`nothing may be mounted at ${bad}`)
  const twice = targets.find((target, at) => targets.indexOf(target) !== at)
  return twice === undefined ? null : unfit(`two things would be mounted at ${twice}`)
}

/** What a GPU is called for this instance. */
export const gpuResource = (spec: InstanceSpec, settings: KubernetesSettings): string | undefined =>
  spec.terms.kubernetes?.gpuResource ?? settings.gpuResource
