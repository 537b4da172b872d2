import type { Configuration, ServerMetadata } from 'openid-client'
import { z } from 'zod'
import type { BoundedFetch } from './bounded-fetch.ts'
import { Unfit } from './bounded-fetch.ts'
import { algorithms, skewSeconds } from './settings.ts'
import type { OidcLimits, OidcSettings } from './settings.ts'

/** The libraries of OpenID Connect, which only those need who have an issuer. */
export const libraries = {
  client: async () => await import('openid-client'),
  jose: async () => await import('jose'),
}

type Client = Awaited<ReturnType<typeof libraries.client>>
type Jose = Awaited<ReturnType<typeof libraries.jose>>

/** What is known of an issuer, and how to speak with it. */
export interface Discovered {
  readonly config: Configuration
  readonly metadata: Metadata
  /** Its keys, fetched when one is asked for that is not there. */
  readonly keys: ReturnType<Jose['createRemoteJWKSet']>
}

const address = (plainHttp: boolean) =>
  z.url().refine((text) => {
    const { protocol } = new URL(text)
    return protocol === 'https:' || (plainHttp && protocol === 'http:')
  }, 'not https')

const metadataOf = (plainHttp: boolean) =>
  z.object({
    issuer: z.string(),
    authorization_endpoint: address(plainHttp),
    token_endpoint: address(plainHttp),
    jwks_uri: address(plainHttp),
    userinfo_endpoint: address(plainHttp).optional(),
    end_session_endpoint: address(plainHttp).optional(),
    id_token_signing_alg_values_supported: z.array(z.string()).default(['RS256']),
    authorization_response_iss_parameter_supported: z.boolean().optional(),
  })
type Metadata = z.output<ReturnType<typeof metadataOf>>

/** Finds an issuer's endpoints and keys. */
export interface Discovery {
  /** Rejects where it cannot be found just now; after a failure without asking, for a short while. */
  find(): Promise<Discovered>
}

export interface DiscoveryDeps {
  readonly settings: OidcSettings
  readonly limits: OidcLimits
  readonly plainHttp: boolean
  readonly fetch: BoundedFetch
  readonly now?: () => number
}

/**
 * Asks when it is needed for the first time, and now and then again; whoever comes meanwhile waits for the same answer. What
 * was found before is used where the issuer does not answer.
 */
export function createDiscovery(deps: DiscoveryDeps): Discovery {
  const { limits, now = Date.now } = deps
  let found: { readonly value: Discovered; readonly at: number } | null = null
  let failed: { readonly error: unknown; readonly at: number } | null = null
  let underWay: Promise<Discovered> | null = null

  const ask = async (): Promise<Discovered> => {
    try {
      const value = await discover(deps)
      ;[found, failed] = [{ value, at: now() }, null]
      return value
    } catch (error) {
      failed = { error, at: now() }
      throw error
    } finally {
      underWay = null
    }
  }
  return {
    async find() {
      if (found !== null && now() - found.at < limits.freshMs) return found.value
      const isTooSoon = failed !== null && now() - failed.at < limits.retryMs
      if (found !== null) {
        const known = found.value
        return isTooSoon ? known : await (underWay ??= ask()).catch(() => known)
      }
      if (failed !== null && isTooSoon) throw failed.error
      return await (underWay ??= ask())
    },
  }
}

async function discover({ settings, limits, plainHttp, fetch }: DiscoveryDeps): Promise<Discovered> {
  const metadata = await readMetadata(settings.issuer, plainHttp, fetch)
  const [client, jose] = await Promise.all([libraries.client(), libraries.jose()])
  const isAllowed = (name: string) => algorithms.includes(name)
  const server = {
    ...metadata,
    id_token_signing_alg_values_supported: metadata.id_token_signing_alg_values_supported.filter(isAllowed),
  } as ServerMetadata // what zod calls undefined is absent
  const config = new client.Configuration(
    server,
    settings.clientId,
    { [client.clockTolerance]: skewSeconds },
    clientAuthentication(client, settings),
  )
  config.timeout = limits.timeoutMs / 1_000
  config[client.customFetch] = async (url, options) => await fetch(url, options)
  // Where it is development alone; each address was checked above.
  if (plainHttp) client.allowInsecureRequests(config)
  const keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri), {
    cooldownDuration: limits.keysCooldownMs,
    cacheMaxAge: limits.freshMs,
    timeoutDuration: limits.timeoutMs,
    [jose.customFetch]: async (url, options) => await fetch(url, options),
  })
  return { config, metadata, keys }
}

async function readMetadata(issuer: string, plainHttp: boolean, fetch: BoundedFetch): Promise<Metadata> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const answer = await fetch(url, { headers: { accept: 'application/json' } })
  if (answer.status !== 200) throw new Unfit(`discovery answers ${answer.status}`)
  const read = metadataOf(plainHttp).safeParse(await answer.json())
  if (!read.success) {
    const places = read.error.issues.map((issue) => issue.path.join('.') || 'everything')
    throw new Unfit(`discovery does not say what it should: ${places.join(', ')}`)
  }
  if (read.data.issuer !== issuer) throw new Unfit('discovery is of another issuer')
  return read.data
}

function clientAuthentication(client: Client, settings: OidcSettings) {
  const { clientSecret, clientAuthentication: way } = settings
  if (clientSecret === null) return client.None()
  return way === 'client_secret_post' ? client.ClientSecretPost(clientSecret) : client.ClientSecretBasic(clientSecret)
}
