import type { Finished, SignInMarks } from '../identity-provider.ts'
import { groupsOf, readClaims, sessionOf, subjectOf } from './claims.ts'
import type { Said } from './claims.ts'
import { libraries } from './discovered.ts'
import type { Discovered } from './discovered.ts'
import { detailOf, isInvalid, unavailable } from './failures.ts'
import { globusGroups } from './globus.ts'
import type { OidcContext } from './provider.ts'
import { algorithms, skewSeconds } from './settings.ts'
import type { OidcSettings } from './settings.ts'
import { groupTokens, writeTokens } from './tokens.ts'
import type { TokenAnswer } from './tokens.ts'

/** Takes the code, and believes nothing of what comes for it that does not hold. */
export async function finish(
  context: OidcContext,
  query: URLSearchParams,
  marks: SignInMarks,
  since: Date | null,
): Promise<Finished> {
  try {
    return await take(context, query, marks, since)
  } catch (error) {
    const client = await libraries.client()
    if (error instanceof client.AuthorizationResponseError) return { kind: 'cancelled', detail: detailOf(error) }
    return isInvalid(error) ? { kind: 'invalid', detail: detailOf(error) } : unavailable(error)
  }
}

async function take(
  context: OidcContext,
  query: URLSearchParams,
  marks: SignInMarks,
  since: Date | null,
): Promise<Finished> {
  const { settings, redirectUri, discovery } = context
  const found = await discovery.find()
  const client = await libraries.client()
  const url = new URL(redirectUri)
  url.search = query.toString()
  const answer: TokenAnswer & { claims(): Said | undefined } = await client.authorizationCodeGrant(found.config, url, {
    expectedState: marks.state,
    expectedNonce: marks.nonce,
    pkceCodeVerifier: marks.verifier,
    idTokenExpected: true,
  })
  const stated = answer.claims()
  const idToken = answer.id_token
  if (stated === undefined || idToken === undefined) return { kind: 'invalid', detail: 'no id token' }
  if (subjectOf(stated) === null) return { kind: 'invalid', detail: 'it names nobody' }
  await checkSignature(found, settings, idToken)
  if (since !== null && !isShownSince(stated, since)) return { kind: 'invalid', detail: 'not shown anew (auth_time)' }
  const said = { ...(await alsoSaid(found, settings, stated, answer.access_token)), ...stated }
  const kept = groupTokens(answer, settings)
  const groups = await readGroups(context, said, kept.access)
  if (groups === null && settings.isRechecked) return { kind: 'invalid', detail: 'it does not say in which groups' }
  const claims = readClaims(said, settings, groups ?? [])
  if (claims === null) return { kind: 'invalid', detail: 'it names nobody' }
  const tokens = writeTokens({ idToken, ...(settings.isRechecked ? kept : {}) })
  return { kind: 'signed_in', claims, sid: sessionOf(stated), tokens }
}

/** By the issuer's clock, which may be behind ours. */
function isShownSince({ auth_time: shownAt }: Said, since: Date): boolean {
  return typeof shownAt === 'number' && shownAt >= Math.floor(since.getTime() / 1_000) - skewSeconds
}

/** The library believes TLS; this believes the key. */
export async function checkSignature({ keys }: Discovered, settings: OidcSettings, idToken: string): Promise<void> {
  const jose = await libraries.jose()
  await jose.jwtVerify(idToken, keys, {
    issuer: settings.issuer,
    audience: settings.clientId,
    algorithms,
    clockTolerance: skewSeconds,
  })
}

const wanted = ({ claims, groups }: OidcSettings): string[] =>
  [
    claims.name,
    'email',
    claims.organisation,
    claims.officeLogin,
    claims.posix,
    groups?.source === 'claim' ? groups.claim : null,
  ].filter((name) => name !== null)

/** Some issuers say no more in the token than who somebody is, and the rest where they are asked with it. */
export async function alsoSaid(found: Discovered, settings: OidcSettings, stated: Said, access: string): Promise<Said> {
  if (found.metadata.userinfo_endpoint === undefined) return {}
  if (wanted(settings).every((name) => stated[name] !== undefined)) return {}
  const client = await libraries.client()
  return await client.fetchUserInfo(found.config, access, String(stated['sub']))
}

/** `null`: nobody says. */
export async function readGroups(
  { settings, fetch }: OidcContext,
  said: Said,
  access: string | undefined,
): Promise<readonly string[] | null> {
  if (settings.groups === null) return null
  if (settings.groups.source === 'claim') return groupsOf(said[settings.groups.claim])
  return access === undefined ? null : await globusGroups(fetch, settings.groups.url, access)
}
