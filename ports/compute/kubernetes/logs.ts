import type { InstanceRef } from '../provider.ts'
import { ApiError, isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { placesOf } from './find.ts'
import { objectName } from './names.ts'
import { pathOf } from './paths.ts'
import { mainContainer } from './pod.ts'
import type { KubernetesSettings } from './settings.ts'

const bounds = { keptBytes: 64 * 1024, maxBytes: 4 * 1024 * 1024 }
/** So many times fewer lines are asked for, where those were too long: of 16 KiB each, which is a cluster's longest, 63 are within the bounds. */
const fewer = 16

/** The last lines of what it printed; empty where there is no container, or no answer within the bounds. */
export async function readLogs(
  api: Api,
  settings: KubernetesSettings,
  ref: InstanceRef,
  lines: number,
  signal: AbortSignal,
): Promise<string> {
  const tailLines = Math.max(1, Math.min(lines, 1_000))
  try {
    for (const namespace of placesOf(settings, ref)) {
      const path = `${pathOf(namespace, 'pods', objectName(ref))}/log`
      // A cluster bounds bytes from the first of the lines: the last ones are cut out here.
      const lastOf = async (count: number) =>
        await api.tail(path, bounds, signal, { container: mainContainer, tailLines: count })
      try {
        return (await lastOf(tailLines)) ?? (await lastOf(Math.ceil(tailLines / fewer))) ?? ''
      } catch (error) {
        if (!isStatus(error, 404)) throw error
      }
    }
    return ''
  } catch (error) {
    if (error instanceof ApiError) return ''
    throw error
  }
}
