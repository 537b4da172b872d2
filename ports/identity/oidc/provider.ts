import type { IdentityProvider, SignInMarks } from '../identity-provider.ts'
import { createBoundedFetch } from './bounded-fetch.ts'
import { createDiscovery, libraries } from './discovered.ts'
import type { Discovery } from './discovered.ts'
import type { BoundedFetch } from './bounded-fetch.ts'
import { unavailable } from './failures.ts'
import { finish } from './finish.ts'
import { readLogout } from './logout.ts'
import { recheck } from './recheck.ts'
import { readSubject } from './subject-token.ts'
import { usualLimits } from './settings.ts'
import type { OidcLimits, OidcSettings } from './settings.ts'
import { readTokens } from './tokens.ts'

export interface OidcOptions {
  /** Exactly where browsers come back to. */
  readonly redirectUri: string
  /** Development only: an issuer without TLS. */
  readonly plainHttp: boolean
  readonly limits?: Partial<OidcLimits>
}

/** What the parts of a provider work with. */
export interface OidcContext {
  readonly settings: OidcSettings
  readonly redirectUri: string
  readonly discovery: Discovery
  readonly fetch: BoundedFetch
}

/** An OpenID Connect issuer. Nothing is asked of it, and no library loaded, before somebody signs in. */
export function createOidcProvider(settings: OidcSettings, options: OidcOptions): IdentityProvider {
  const limits = { ...usualLimits, ...options.limits }
  const { redirectUri, plainHttp } = options
  const fetch = createBoundedFetch({ ...limits, plainHttp })
  const discovery = createDiscovery({ settings, limits, plainHttp, fetch })
  const context: OidcContext = { settings, redirectUri, discovery, fetch }
  return {
    issuer: settings.issuer,
    async begin({ anew, ...marks }) {
      try {
        const { config } = await discovery.find()
        const client = await libraries.client()
        const challenge = await client.calculatePKCECodeChallenge(marks.verifier)
        const url = client.buildAuthorizationUrl(config, asking(context, marks, challenge, anew))
        return { kind: 'begun', url: url.href }
      } catch (error) {
        return unavailable(error)
      }
    },
    finish: async (query, marks, since) => await finish(context, query, marks, since),
    recheck: async (tokens, subject) => await recheck(context, tokens, subject),
    async signOutUrl(tokens, returnUrl) {
      try {
        const { config, metadata } = await discovery.find()
        if (metadata.end_session_endpoint === undefined) return null
        const { idToken } = readTokens(tokens)
        const client = await libraries.client()
        const url = client.buildEndSessionUrl(config, {
          post_logout_redirect_uri: returnUrl,
          ...(idToken === undefined ? {} : { id_token_hint: idToken }),
        })
        return url.href
      } catch {
        // Carrel's own session has ended all the same.
        return null
      }
    },
    readLogout: async (token) => await readLogout(context, token),
    readSubject: async (token, kind) => await readSubject(context, token, kind),
  }
}

function asking(context: OidcContext, marks: SignInMarks, challenge: string, anew: boolean): Record<string, string> {
  return {
    redirect_uri: context.redirectUri,
    scope: context.settings.scopes.join(' '),
    state: marks.state,
    nonce: marks.nonce,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    // With the age it has to say when that was.
    ...(anew ? { prompt: 'login', max_age: '0' } : {}),
  }
}
