import type { JWTPayload } from 'jose'
import type { SubjectRead, SubjectTokenKind } from '../identity-provider.ts'
import { groupsOf, readClaims } from './claims.ts'
import type { Said } from './claims.ts'
import { libraries } from './discovered.ts'
import { detailOf, isInvalid, unavailable } from './failures.ts'
import type { OidcContext } from './provider.ts'
import { algorithms, skewSeconds } from './settings.ts'
import type { ExchangeNames, OidcSettings } from './settings.ts'

/** Reads a token that was made for somebody else, of whom the site says that it may be shown here. */
export async function readSubject(context: OidcContext, token: string, kind: SubjectTokenKind): Promise<SubjectRead> {
  const { settings, discovery } = context
  const names = settings.exchange ?? { audiences: [], clients: [] }
  const audience = [...(kind === 'id_token' ? names.clients : names.audiences)]
  if (audience.length === 0) return invalid('the site takes no such tokens of this issuer')
  try {
    const { keys } = await discovery.find()
    const jose = await libraries.jose()
    const { payload, protectedHeader } = await jose.jwtVerify(token, keys, {
      issuer: settings.issuer,
      audience,
      algorithms,
      clockTolerance: skewSeconds,
      requiredClaims: ['exp', 'sub'],
    })
    const fault = faultOf(payload, protectedHeader.typ, kind, names)
    if (fault !== null) return invalid(fault)
    return read(settings, payload)
  } catch (error) {
    return isInvalid(error) ? invalid(detailOf(error)) : unavailable(error)
  }
}

/** Of what kind a token is, is nowhere said by all of them: everything that speaks for another kind refuses it. */
function faultOf(payload: JWTPayload, type: string | undefined, kind: SubjectTokenKind, names: ExchangeNames) {
  const typ = type?.toLowerCase().replace(/^application\//, '')
  if (payload['events'] !== undefined) return 'it is a notice, of a logout perhaps'
  // Keycloak's word for the kind.
  const said = payload['typ']
  if (kind === 'id_token') {
    if (typ !== undefined && typ !== 'jwt') return 'its type is not that of an ID token'
    if (said !== undefined && said !== 'ID') return 'it says that it is no ID token'
    return partyFault(payload, names.clients)
  }
  if (typ !== undefined && typ !== 'jwt' && typ !== 'at+jwt') return 'its type is not that of an access token'
  if (said !== undefined && said !== 'Bearer') return 'it says that it is no access token'
  const isOfSignIn = ['nonce', 'at_hash', 'c_hash'].some((name) => payload[name] !== undefined)
  return isOfSignIn && typ !== 'at+jwt' ? 'it is an ID token' : null
}

/** For several it is the party's that asked for it (OpenID Connect Core, 2). */
function partyFault({ aud, azp }: JWTPayload, clients: readonly string[]): string | null {
  if (azp !== undefined && !clients.some((client) => client === azp)) return 'it was made for another client'
  return azp === undefined && Array.isArray(aud) && aud.length > 1
    ? 'it does not say for which client it was made'
    : null
}

function read(settings: OidcSettings, payload: JWTPayload): SubjectRead {
  const { exp = 0, iat } = payload
  if (iat !== undefined && iat > Date.now() / 1_000 + skewSeconds) return invalid('it is from the future')
  // A list of groups elsewhere is asked with tokens that were made for it.
  const groups = settings.groups?.source === 'claim' ? groupsOf(payload[settings.groups.claim]) : null
  const claims = readClaims(payload, settings, groups ?? [])
  if (claims === null) return invalid('it names nobody')
  const displayName = hasName(payload, settings) ? claims.displayName : null
  const issuedAt = iat === undefined ? null : new Date(iat * 1_000)
  return { kind: 'read', claims: { ...claims, displayName, groups }, issuedAt, expiresAt: new Date(exp * 1_000) }
}

const hasName = (said: Said, { claims }: OidcSettings): boolean =>
  [claims.name, 'given_name', 'family_name', 'preferred_username'].some((name) => {
    const value = said[name]
    return typeof value === 'string' && value.trim() !== ''
  })

const invalid = (detail: string): SubjectRead => ({ kind: 'invalid', detail })
