import { ConfigInvalid } from '../../platform/config.ts'
import type { Config, IssuerConfig } from '../../platform/config.ts'

/** As much of a configured issuer as says whether it decides logins. */
export type Deciding = Pick<IssuerConfig, 'issuer'> & { readonly claims: Pick<IssuerConfig['claims'], 'officeLogin'> }

/** Whose word counts of which login somebody has at the user office: issuers that are configured to decide it, and the user office itself. */
export const decidersOfLogins = (
  issuers: readonly Deciding[],
  userOffice: { readonly issuer: string } | null,
): readonly string[] => [
  ...(userOffice === null ? [] : [userOffice.issuer]),
  ...issuers.filter(({ claims }) => claims.officeLogin !== null).map(({ issuer }) => issuer),
]

/**
 * Expects of every catalogue that those whom it takes logins from decide them.
 * @throws ConfigInvalid with all that do not
 */
export function expectDeciders(
  sources: Config<'catalogues'>['catalogues']['sources'],
  deciders: readonly string[],
): void {
  const faults = sources.flatMap(({ issuers }, at) =>
    issuers.flatMap((issuer, place) => (deciders.includes(issuer) ? [] : [faultAt(at, place)])),
  )
  if (faults.length > 0) throw new ConfigInvalid(faults)
}

const faultAt = (source: number, place: number) => ({
  key: `CARREL_CATALOGUES[${source}].issuers[${place}]`,
  expected: 'must be the user office, or a configured issuer with an authoritative login',
})
