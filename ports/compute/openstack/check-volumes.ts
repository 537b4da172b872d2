import { z } from 'zod'
import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CheckAsk } from '../provider.ts'
import type { CloudApi } from './api.ts'
import { CloudError } from './cloud-error.ts'
import { missing, warning } from './findings.ts'
import { volumeGib } from './surroundings.ts'
import type { Ground } from './surroundings.ts'

const amount = z.object({ limit: z.int(), in_use: z.int().default(0), reserved: z.int().default(0) })
/** Beside the amounts stands the project's id. */
const quotaShape = z.object({ quota_set: z.record(z.string(), z.union([amount, z.unknown().transform(() => null)])) })
const typeShape = z.object({ id: z.string(), name: z.string() })
const typesShape = z.object({ volume_types: z.array(typeShape) })
const typeAlone = z.object({ volume_type: typeShape })

/** What Cinder lacks for the templates that boot from volumes; nothing is asked where there are none. Throws `CloudError`. */
export async function checkVolumes(
  { api, settings: { volumeType } }: Ground,
  { templates }: CheckAsk,
  signal: AbortSignal,
): Promise<CheckFinding[]> {
  const sizes = templates
    .filter(({ terms }) => terms.openstack?.boot === 'volume')
    .flatMap((template) => template.sizes.map(({ diskMib }) => volumeGib(diskMib)))
  if (sizes.length === 0) return []
  if (!(await api.has('volume', signal))) return [missing('named_missing', 'service block-storage')]
  const { projectId } = await api.token(signal)
  const asked = { query: { usage: 'True' } }
  const [{ quota_set: quota }, type] = await Promise.all([
    api.get('volume', `/os-quota-sets/${projectId}`, quotaShape, signal, asked),
    volumeType === undefined ? defaultType(api, signal) : typeOf(api, volumeType, signal),
  ])
  const short = (what: string, needed: readonly number[]): CheckFinding[] => {
    const { limit, in_use, reserved } = quota[what] ?? unlimited
    const left = limit - in_use - reserved
    if (limit < 0 || left >= Math.max(...needed)) return []
    return [(left < Math.min(...needed) ? missing : warning)('quota_exhausted', what)]
  }
  // Of its type a volume is counted once more.
  const ofType = (what: string) => (type === null ? [what] : [what, `${what}_${type}`])
  return [
    ...(volumeType !== undefined && type === null ? [missing('named_missing', `volume type ${volumeType}`)] : []),
    ...ofType('volumes').flatMap((what) => short(what, [1])),
    ...ofType('gigabytes').flatMap((what) => short(what, sizes)),
    ...short('per_volume_gigabytes', sizes),
  ]
}

const unlimited = { limit: -1, in_use: 0, reserved: 0 }

/** The name of the type that is meant by name or id; `null`: there is none. */
async function typeOf(api: CloudApi, named: string, signal: AbortSignal): Promise<string | null> {
  const { volume_types: all } = await api.get('volume', '/types', typesShape, signal)
  return all.find(({ id, name }) => name === named || id === named)?.name ?? null
}

/** What a volume is of that names no type; `null`: of none. */
async function defaultType(api: CloudApi, signal: AbortSignal): Promise<string | null> {
  try {
    return (await api.get('volume', '/types/default', typeAlone, signal)).volume_type.name
  } catch (error) {
    if (error instanceof CloudError && error.gone) return null
    throw error
  }
}
