import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { ProvisionerFacts } from './records.ts'
import type { HandoverSettings } from './settings.ts'

const soonMs = 24 * 60 * 60 * 1_000

/** What is missing for sessions to be begun by the provisioner. `now`: ms since the epoch. */
export function findingsOf(
  { isActive, tokenUntil, silentMs }: ProvisionerFacts,
  { provisioner, silentAfterSeconds }: HandoverSettings,
  now: number,
): CheckFinding[] {
  if (!isActive) return [{ code: 'named_missing', level: 'missing', about: `account ${provisioner}` }]
  const about = 'a token with the scope provision'
  if (tokenUntil === null) return [{ code: 'credentials_refused', level: 'missing', about }]
  const silent = silentMs === null || silentMs > silentAfterSeconds * 1_000
  return [
    ...(silent ? [{ code: 'unreachable', level: 'missing', about: 'provisioner' } as const] : []),
    ...(tokenUntil - now < soonMs ? [{ code: 'credentials_expiring', level: 'warning', about } as const] : []),
  ]
}

/** Why nothing can be handed over now, for operators; `null`: it can. */
export function awayBecause(
  { isActive, tokenUntil, silentMs }: ProvisionerFacts,
  { silentAfterSeconds }: HandoverSettings,
): string | null {
  if (!isActive) return 'The account of the provisioner does not exist, or is disabled.'
  if (tokenUntil === null) return 'The provisioner has no token with the scope provision.'
  if (silentMs === null) return 'The provisioner has never asked for anything.'
  if (silentMs <= silentAfterSeconds * 1_000) return null
  return `The provisioner has not asked for anything for ${Math.round(silentMs / 1_000)} s.`
}
