import type { ProviderId } from '../domain/ids.ts'
import type { CheckCode } from '../domain/provider-check.ts'
import { providerSecrets, SecretUnreadable } from '../platform/secrets.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { HandoverRecords } from '../ports/compute/handover/provider.ts'
import type { LinkRecords } from '../ports/compute/link/provider.ts'
import { openProvider, ProviderKindRefused, ProviderSettingsInvalid } from '../ports/compute/drivers.ts'
import type { ProviderToOpen } from '../ports/compute/drivers.ts'
import type { WorkerDeps } from './deps.ts'

export interface OpeningRules extends Pick<ProviderToOpen, 'development' | 'weakIsolationAllowedFor'> {
  /** Where the backends of providers that were made through the API may lie: CIDRs. */
  readonly backendNetworks: readonly string[]
  /** Where the links of a provider are written down. */
  readonly linksOf?: (id: ProviderId) => LinkRecords
  /** Where what a provider hands over is written down. */
  readonly handoversOf?: (id: ProviderId) => HandoverRecords
}

/** Makes drivers of rows. Only here are the secrets of a provider unsealed, for its driver alone. */
export function createOpening(
  { backendNetworks, linksOf, handoversOf, ...rules }: OpeningRules,
  secrets: Pick<Secrets, 'decrypt'>,
): WorkerDeps['openProvider'] {
  const unseal = (id: string, sealed: Buffer | null): Record<string, unknown> =>
    sealed === null
      ? {}
      : // Sealed by the api from an object that it had checked; checked again by the driver's own schema.
        (JSON.parse(secrets.decrypt(providerSecrets(id), sealed).toString()) as Record<string, unknown>)
  return ({ id, kind, origin, settings, networks }, sealed) =>
    openProvider({
      id,
      kind,
      settings,
      networks,
      ...rules,
      ...(kind === 'link' && linksOf !== undefined ? { links: linksOf(id) } : {}),
      ...(kind === 'handover' && handoversOf !== undefined ? { handovers: handoversOf(id) } : {}),
      ...(origin === 'api' ? { byApi: { secrets: unseal(id, sealed), backendNetworks } } : {}),
    })
}

/** Why a provider could not be opened, as its check tells it; `null`: for nothing that lies in the provider. */
export function openFaultOf(error: unknown): CheckCode | null {
  if (error instanceof ProviderKindRefused) return 'kind_refused'
  if (error instanceof ProviderSettingsInvalid) return 'settings_invalid'
  return error instanceof SecretUnreadable ? 'secrets_unreadable' : null
}
