import type { IssuerTokens, Rechecked } from '../identity-provider.ts'
import type { Said } from './claims.ts'
import { libraries } from './discovered.ts'
import type { Discovered } from './discovered.ts'
import { detailOf, unavailable } from './failures.ts'
import { alsoSaid, checkSignature, readGroups } from './finish.ts'
import { TokenRefused } from './globus.ts'
import type { OidcContext } from './provider.ts'
import { groupTokens, readTokens, writeTokens } from './tokens.ts'
import type { Kept } from './tokens.ts'

/**
 * Asks again in which groups somebody is: with what the issuer gave to refresh, else with what it gave to ask. That it does
 * not take that any more ends the sign-in; that it does not answer says nothing.
 */
export async function recheck(context: OidcContext, tokens: IssuerTokens, subject: string): Promise<Rechecked> {
  try {
    const found = await context.discovery.find()
    const kept = readTokens(tokens)
    return await ask(context, found, kept, subject)
  } catch (error) {
    return (await isRefusal(error)) ? { kind: 'over', detail: detailOf(error) } : unavailable(error)
  }
}

async function ask(context: OidcContext, found: Discovered, kept: Kept, subject: string): Promise<Rechecked> {
  // Globus' own list takes the first token for two days: nothing needs to be refreshed while it does.
  if (context.settings.groups?.source === 'globus' && kept.access !== undefined) {
    try {
      return known(await readGroups(context, {}, kept.access), kept)
    } catch (error) {
      if (!(error instanceof TokenRefused) || kept.refresh === undefined) throw error
    }
  }
  const fresh = kept.refresh === undefined ? { kept, stated: {} } : await refresh(context, found, kept, kept.refresh)
  const stated: Said = { sub: subject, ...fresh.stated }
  if (stated['sub'] !== subject) return { kind: 'over', detail: 'it speaks of somebody else' }
  if (fresh.kept.access === undefined) return { kind: 'over', detail: 'it gave nothing to ask with' }
  const said = { ...(await alsoSaid(found, context.settings, stated, fresh.kept.access)), ...stated }
  return known(await readGroups(context, said, fresh.kept.access), fresh.kept)
}

async function refresh(context: OidcContext, found: Discovered, kept: Kept, token: string) {
  const client = await libraries.client()
  const answer = await client.refreshTokenGrant(found.config, token)
  if (answer.id_token !== undefined) await checkSignature(found, context.settings, answer.id_token)
  return {
    kept: { ...kept, ...groupTokens(answer, context.settings) },
    stated: (answer.claims() ?? {}) as Said,
  }
}

const known = (groups: readonly string[] | null, kept: Kept): Rechecked =>
  groups === null
    ? { kind: 'over', detail: 'it does not say in which groups' }
    : { kind: 'known', groups, tokens: writeTokens(kept) }

/** Whether the issuer said no, of which there is no doubt; every other failure may be nobody's will. */
async function isRefusal(error: unknown): Promise<boolean> {
  const client = await libraries.client()
  if (error instanceof TokenRefused) return true
  if (error instanceof client.ResponseBodyError) return error.error === 'invalid_grant'
  return error instanceof client.WWWAuthenticateChallengeError && error.status === 401
}
