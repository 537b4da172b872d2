import { setTimeout as delay } from 'node:timers/promises'
import type { ProviderConfig } from '../../../platform/config.ts'
import { openConnection } from '../../../ports/compute/docker/connection.ts'
import { dockerSettings } from '../../../ports/compute/docker/settings.ts'
import { dockerLeftovers } from './docker.ts'
import { leftoversInCluster } from './kubernetes.ts'
import { leftoversInCloud } from './openstack.ts'
import { leftoversInSlurm } from './slurm.ts'

/** A backend as configuration names it, for whoever asks it beside its driver. */
export type Place = Pick<ProviderConfig, 'kind' | 'settings'>

/**
 * What a backend has of a deployment by its own API, objects of every kind by name, whether the driver lists them or not. `null`: of
 * this kind nobody but the driver can be asked. `names`: of its instances, for what bears no other mark. Throws where it does not
 * answer.
 */
export async function leftoversAt(
  { kind, settings }: Place,
  deploymentId: string,
  names: readonly string[] = [],
): Promise<readonly string[] | null> {
  switch (kind) {
    case 'docker':
      return await leftoversAtDocker(settings, deploymentId)
    case 'kubernetes':
      return await leftoversInCluster(settings, deploymentId)
    case 'openstack':
      return await leftoversInCloud(settings, deploymentId, names)
    case 'slurm':
      return await leftoversInSlurm(settings, deploymentId)
    case 'fake':
    case 'handover':
    case 'link':
    case 'process':
      return null
    default:
      return kind satisfies never
  }
}

/** The same once the backend had time to forget what goes: none as soon as there are none. Throws where the last look failed. */
export async function leftInTime(
  place: Place,
  deploymentId: string,
  withinMs = 60_000,
  names: readonly string[] = [],
): Promise<readonly string[] | null> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const isLast = Date.now() > deadline
    const left = await leftoversAt(place, deploymentId, names).catch((error: unknown) => {
      if (isLast) throw error
    })
    if (left !== undefined && (left === null || left.length === 0 || isLast)) return left
    await delay(500)
  }
}

async function leftoversAtDocker(settings: unknown, deploymentId: string): Promise<string[]> {
  const { docker, close } = openConnection(dockerSettings.parse(settings))
  try {
    return await dockerLeftovers(docker, deploymentId)
  } finally {
    close()
  }
}
