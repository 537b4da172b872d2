import type { InstanceRef } from '../provider.ts'
import { ApiError, isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { placesOf } from './find.ts'
import { objectName } from './names.ts'
import { pathOf } from './paths.ts'
import { mainContainer } from './pod.ts'
import type { KubernetesSettings } from './settings.ts'

const maxBytes = 64 * 1024
/** What a cluster counts as a line has 16 KiB, and its ends. */
const longestLine = 17 * 1024

/** The last lines of what it printed; empty where there is no container or no answer. */
export async function readLogs(
  api: Api,
  settings: KubernetesSettings,
  ref: InstanceRef,
  lines: number,
  signal: AbortSignal,
): Promise<string> {
  const query = { container: mainContainer, tailLines: Math.max(1, Math.min(lines, 1_000)) }
  try {
    for (const namespace of placesOf(settings, ref)) {
      const path = `${pathOf(namespace, 'pods', objectName(ref))}/log`
      // Bytes are counted from the first of the lines: the last ones are cut out here.
      const text = await api.text(path, query.tailLines * longestLine, signal, query).catch((error: unknown) => {
        if (isStatus(error, 404)) return null
        throw error
      })
      if (text !== null) return Buffer.from(text).subarray(-maxBytes).toString()
    }
    return ''
  } catch (error) {
    if (error instanceof ApiError) return ''
    throw error
  }
}
