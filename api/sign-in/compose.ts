import type { Config } from '../../platform/config.ts'
import { callers } from '../../platform/client-address.ts'
import { issuerTokens } from '../../platform/secrets.ts'
import type { Secrets } from '../../platform/secrets.ts'
import { createOidcProvider } from '../../ports/identity/oidc/provider.ts'
import type { OidcLimits } from '../../ports/identity/oidc/settings.ts'
import type { SignInDeps } from './issuers.ts'

/** Pages of the api's own that send people to sign in. */
const ownPages = ['/invitation', '/device']

export interface SignInSettings {
  readonly config: Config<'issuers'>['issuers']
  /** How browsers reach the api. */
  readonly publicUrl: string
  readonly secrets: Secrets
  readonly limits?: Partial<OidcLimits>
}

/** How people sign in, as the site configures it. Asks nothing of anybody. */
export function createSignIn({ config, publicUrl, secrets, limits = {} }: SignInSettings): SignInDeps {
  const { origin } = new URL(publicUrl)
  const callerOf = callers(config.trustedProxies)
  return {
    issuers: config.issuers.map((issuer) => ({
      id: issuer.id,
      name: issuer.name,
      allowedGroups: issuer.allowedGroups,
      holdsSeconds: issuer.programsHoldMinutes * 60,
      firstSignIn: issuer.firstSignIn,
      saysPosix: issuer.claims.posix !== null,
      provider: createOidcProvider(
        { ...issuer, isRechecked: issuer.allowedGroups !== null },
        { redirectUri: `${origin}/v1/sign-in/${issuer.id}/callback`, plainHttp: config.plainHttp, limits },
      ),
    })),
    returnUrls: [...config.returnUrls, ...ownPages.map((path) => `${origin}${path}`)],
    limits: config.limits,
    perMinute: config.signInsPerMinute,
    tokensPerMinute: config.tokensPerMinute,
    deviceTokenDays: config.deviceTokenDays,
    origin,
    addressOf: (peer, forwarded) =>
      callerOf(peer, forwarded === undefined ? [] : forwarded.split(',').map((hop) => hop.trim())),
    sealTokens: (id, text) => secrets.encrypt(issuerTokens(id), text),
    openTokens: (id, sealed) => secrets.decrypt(issuerTokens(id), sealed).toString(),
  }
}
