import { z } from 'zod'
import type { Cloud } from './clouds.ts'
import { isCleanUrl } from '../clean-url.ts'

export const services = ['compute', 'network', 'image', 'volume'] as const
export type Service = (typeof services)[number]

const endpoint = z.object({
  interface: z.string(),
  url: z.string(),
  region: z.string().nullish(),
  region_id: z.string().nullish(),
})
export const catalogShape = z.array(z.object({ type: z.string(), endpoints: z.array(endpoint) }))
export type Catalog = z.output<typeof catalogShape>

/** What a service is called in catalogues: the first that is there counts. */
const types: Readonly<Record<Service, readonly string[]>> = {
  compute: ['compute'],
  network: ['network'],
  image: ['image'],
  volume: ['block-storage', 'block-store', 'volumev3'],
}

/** What a catalogue's address may leave out. */
const versions: Readonly<Record<Service, string>> = { compute: 'v2.1', network: 'v2.0', image: 'v2', volume: 'v3' }

type Place = Pick<Cloud, 'regionName' | 'interface' | 'endpoints'>

/** Where the service is, without a slash at the end; `null`: this cloud, or this region of it, has none. */
export function endpointOf(catalog: Catalog, service: Service, place: Place): string | null {
  const given = place.endpoints[service]
  const url = given ?? found(catalog, service, place)
  return url === null ? null : versioned(url, versions[service])
}

/** Where no region is named it is the one in which compute stands first: services of several regions know nothing of one another. */
function found(catalog: Catalog, service: Service, place: Place): string | null {
  const offered = (wanted: Service) =>
    types[wanted]
      .flatMap((type) => catalog.filter((entry) => entry.type === type))
      .flatMap(({ endpoints }) => endpoints)
      .filter((e) => e.interface === place.interface && isCleanUrl(e.url))
  const regionOf = (e: z.output<typeof endpoint>) => e.region_id ?? e.region ?? ''
  const region = place.regionName ?? offered('compute').map(regionOf)[0]
  return offered(service).find((e) => region === undefined || regionOf(e) === region)?.url ?? null
}

function versioned(url: string, version: string): string {
  const bare = url.replace(/\/+$/, '')
  return /\/v\d+(\.\d+)?(\/|$)/.test(new URL(bare).pathname) ? bare : `${bare}/${version}`
}

/** Keystone's address with its version, whichever way it was written. */
export const identityUrl = (authUrl: string): string => `${authUrl.replace(/\/+$/, '').replace(/\/v(2\.0|3)$/, '')}/v3`
