import { access } from 'node:fs/promises'
import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CheckAsk } from '../provider.ts'
import type { InspectDeps } from './inspect.ts'

/** Whether its directory is there and what templates name is configured. Makes nothing. */
export async function checkMachine(
  { settings, places, tools, inNetworks }: InspectDeps,
  { templates }: CheckAsk,
): Promise<CheckFinding[]> {
  const reachable = await access(places.instances).then(
    () => true,
    () => false,
  )
  const images = new Set(templates.map((template) => template.image))
  return [
    ...(reachable ? [] : [{ code: 'unreachable', level: 'missing', about: 'stateDirectory' } as const]),
    ...(inNetworks(settings.address)
      ? []
      : [{ code: 'named_missing', level: 'missing', about: `${settings.address} in networks` } as const]),
    ...(tools.bwrap === null ? [{ code: 'not_enforced', level: 'warning', about: 'bwrap' } as const] : []),
    ...[...images]
      .filter((image) => !Object.hasOwn(settings.images, image))
      .map((image): CheckFinding => ({ code: 'image_missing', level: 'missing', about: image })),
  ]
}
