import { needsNetworks } from '../../domain/provider-kinds.ts'
import { isAllowedNetwork, mayBeReached, parseAddress, parseNetwork } from '../../platform/addresses.ts'
import { apiKinds, apiSettingsFaults, hostsOf } from '../../ports/compute/api-settings.ts'
import type { ApiKind, Given } from '../../ports/compute/api-settings.ts'
import type { ApiSettings } from '../deps.ts'
import { invalid, Problem } from '../problem.ts'
import type { Fault } from '../problem.ts'

type Rules = Pick<ApiSettings, 'providerNetworks' | 'development'>

/** The kind, if providers of it can be made here by the API. Throws 422. */
export function kindOf(name: string, { development = false }: Rules): ApiKind {
  const known = Object.keys(apiKinds).filter((kind) => kind !== 'fake' || development)
  const kind = known.includes(name) ? apiKinds[name] : undefined
  if (kind !== undefined) return kind
  throw invalid('/kind', `Expected one of: ${known.join(', ')}. Others are made by configuration alone.`)
}

/** Throws 422 with every place of the settings that is not as the kind's closed schema wants it, or leads outside. */
export function checkSettings(kind: ApiKind, given: { settings: Given; secrets: Given }, rules: Rules): void {
  const { settings, secrets } = given
  const faults = apiSettingsFaults(kind, settings, secrets).map(({ of, path, message }) =>
    fault(`/${[of, ...path].join('/')}`, message),
  )
  refuse([...faults, ...hostFaults(settings, rules)])
}

function hostFaults(settings: Given, { providerNetworks = [] }: Rules): Fault[] {
  const allowed = providerNetworks.map(parseNetwork)
  return hostsOf(settings).flatMap(({ path, host, credentials }): Fault[] => {
    const pointer = `/settings/${path.join('/')}`
    if (credentials) return [fault(pointer, 'Expected an address without name and password: give those as secrets.')]
    const address = parseAddress(host)
    // What a name stands for is found out, and checked, by the worker at each connection.
    const isInside = address === null ? allowed.length > 0 : mayBeReached(address, allowed)
    return isInside ? [] : [fault(pointer, 'It lies outside the networks that this installation allows for providers.')]
  })
}

/** Throws 422 with every network that is not wholly within those that the deployment allows, or where one is needed and there is none. */
export function checkNetworks(kind: string, networks: readonly string[], { providerNetworks = [] }: Rules): void {
  if (networks.length === 0 && needsNetworks(kind))
    throw invalid('/networks', 'Expected the networks in which its sessions are reached.')
  const allowed = providerNetworks.map(parseNetwork)
  refuse(
    networks.flatMap((network, index) =>
      isAllowedNetwork(network, allowed)
        ? []
        : [fault(`/networks/${index}`, 'It lies outside the networks that this installation allows for providers.')],
    ),
  )
}

const fault = (pointer: string, message: string): Fault => ({ in: 'body', pointer, message })

function refuse(errors: readonly Fault[]): void {
  if (errors.length > 0) throw new Problem('invalid_request', 'The provider is not as it must be.', { errors })
}
