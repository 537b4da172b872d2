import { z } from 'zod'
import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CheckAsk, CheckedTemplate } from '../provider.ts'
import { Refusal } from '../refusal.ts'
import { checkVolumes } from './check-volumes.ts'
import { CloudError } from './cloud-error.ts'
import { found, missing } from './findings.ts'
import { allFlavors, flavorCalled } from './named.ts'
import type { Named } from './named.ts'
import type { Ground } from './surroundings.ts'

/** What templates name that the cloud, or the provider, does not have. */
export async function checkTemplates(
  ground: Ground,
  named: Named,
  ask: CheckAsk,
  signal: AbortSignal,
): Promise<CheckFinding[]> {
  const { templates } = ask
  const terms = templates.flatMap((template) => template.terms.openstack ?? [])
  const keys = distinct(terms.map(({ keyName }) => keyName))
  const images = distinct(templates.map((template) => template.image))
  const findings = await Promise.all([
    found(() => flavors(ground, distinct(terms.flatMap((each) => Object.values(each.flavors))), signal), 'flavors'),
    found(() => zones(ground, distinct(terms.map((each) => each.availabilityZone)), signal), 'availability zones'),
    ...keys.map((name) => found(() => key(ground, name, signal), `key ${name}`)),
    ...images.map((name) => found(() => image(named, name, signal), `image ${name}`)),
    found(() => checkVolumes(ground, ask, signal), 'cinder'),
  ])
  return [...findings.flat(), ...templates.flatMap((template) => unfit(ground, template))]
}

/** Each name once, and no more than a check of seconds can ask for. */
const distinct = (all: readonly (string | undefined)[]): string[] =>
  [...new Set(all)].filter((name) => name !== undefined).slice(0, 50)

async function flavors({ api }: Ground, names: readonly string[], signal: AbortSignal): Promise<CheckFinding[]> {
  if (names.length === 0) return []
  const all = await allFlavors(api, signal)
  return names
    .filter((name) => flavorCalled(all, name) === null)
    .map((name) => missing('named_missing', `flavor ${name}`))
}

const zonesShape = z.object({
  availabilityZoneInfo: z.array(z.object({ zoneName: z.string(), zoneState: z.object({ available: z.boolean() }) })),
})

async function zones({ api }: Ground, names: readonly string[], signal: AbortSignal): Promise<CheckFinding[]> {
  if (names.length === 0) return []
  const { availabilityZoneInfo: all } = await api.get('compute', '/os-availability-zone', zonesShape, signal)
  const open = all.filter(({ zoneState }) => zoneState.available).map(({ zoneName }) => zoneName)
  // It may name a machine in it, as `zone:host`.
  return names
    .filter((name) => !open.includes(name.replace(/:.*/, '')))
    .map((name) => missing('named_missing', `availability zone ${name}`))
}

/** Keys are their user's own: that of the credentials must have it. */
async function key({ api }: Ground, name: string, signal: AbortSignal): Promise<CheckFinding[]> {
  try {
    await api.get('compute', `/os-keypairs/${encodeURIComponent(name)}`, z.unknown(), signal)
    return []
  } catch (error) {
    if (error instanceof CloudError && error.gone) return [missing('named_missing', `key ${name}`)]
    throw error
  }
}

async function image(named: Named, name: string, signal: AbortSignal): Promise<CheckFinding[]> {
  try {
    await named.image(name, signal)
    return []
  } catch (error) {
    if (error instanceof Refusal) return [missing('image_missing', name)]
    throw error
  }
}

/** What a template asks for that no look at the cloud is needed for. */
function unfit({ settings }: Ground, { egress, sizes, terms }: CheckedTemplate): CheckFinding[] {
  const known = terms.openstack?.flavors ?? {}
  const without = sizes.filter(({ name }) => !Object.hasOwn(known, name))
  const noSite = egress === 'site' && settings.siteNetworks.length === 0
  return [
    ...(noSite ? [missing('named_missing', 'siteNetworks')] : []),
    ...without.map(({ name }) => missing('named_missing', `flavor of size ${name}`)),
  ]
}
