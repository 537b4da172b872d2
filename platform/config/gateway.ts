import { getDomain } from 'tldts'
import { z } from 'zod'
import { address, cidr, flag, ip, listOf, origin, port, urlOf, wholeNumber } from './fields.ts'

const name = /^(?=.{1,190}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/
const domain = z.string().regex(name, { error: 'must be a domain in lower case such as sessions.example.org' })
const ownPorts: Readonly<Record<string, number>> = { http: 80, https: 443 }
const defaultPort = 8090
const second = 1_000

const isLocal = (host: string) => host === 'localhost' || host.endsWith('.localhost')

/** What browsers take for one site: the registrable domain, shared suffixes of hosters counted as such; else the name itself. */
export const siteOf = (host: string): string => getDomain(host, { allowPrivateDomains: true }) ?? host

const doorFields = {
  CARREL_ENV: z.string().default('production'),
  CARREL_GATEWAY_PORT: port.default(defaultPort),
  CARREL_SESSIONS_DOMAIN: domain.optional(),
  CARREL_GATEWAY_PUBLIC_SCHEME: z.enum(['http', 'https'], { error: 'must be http or https' }).optional(),
  CARREL_GATEWAY_PUBLIC_PORT: port.optional(),
  CARREL_DOORS_BY_PATH: flag.default(false),
}

type DoorEnvironment = z.output<z.ZodObject<typeof doorFields>>

/** Where doors are: what whoever makes their addresses and whoever answers at them must agree on. */
function originsOf(env: DoorEnvironment) {
  const development = env.CARREL_ENV === 'development'
  const scheme = env.CARREL_GATEWAY_PUBLIC_SCHEME ?? (development ? 'http' : 'https')
  const given = env.CARREL_GATEWAY_PUBLIC_PORT ?? (development ? env.CARREL_GATEWAY_PORT : ownPorts[scheme])
  return {
    scheme,
    domain: env.CARREL_SESSIONS_DOMAIN ?? 'localhost',
    /** `null`: the scheme's own. */
    port: given === undefined || given === ownPorts[scheme] ? null : given,
    ...(env.CARREL_DOORS_BY_PATH ? ({ byPath: true } as const) : {}),
  } as const
}

function checkOrigins(env: DoorEnvironment, fault: (key: string, message: string) => void): void {
  if (env.CARREL_ENV === 'development') {
    const { scheme, domain: sessions } = originsOf(env)
    if (env.CARREL_DOORS_BY_PATH && (scheme !== 'http' || !isLocal(sessions)))
      fault('CARREL_DOORS_BY_PATH', 'needs doors below localhost and http: they share one origin')
    return
  }
  if (env.CARREL_DOORS_BY_PATH) fault('CARREL_DOORS_BY_PATH', 'must be false outside development')
  if (env.CARREL_SESSIONS_DOMAIN === undefined)
    fault('CARREL_SESSIONS_DOMAIN', 'is required outside development: a domain of its own such as sessions.example.net')
  if (env.CARREL_GATEWAY_PUBLIC_SCHEME === 'http')
    fault('CARREL_GATEWAY_PUBLIC_SCHEME', 'must be https outside development')
}

const faultTo =
  (context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void }) =>
  (key: string, message: string) =>
    context.addIssue({ code: 'custom', path: [key], message })

/** How doors are reached from outside. */
export const doorsPart = z
  .object(doorFields)
  .superRefine((env, context) => checkOrigins(env, faultTo(context)))
  .transform((env) => originsOf(env))

export const gatewayPart = z
  .object({
    ...doorFields,
    CARREL_GATEWAY_HOST: z.string().default('127.0.0.1'),
    CARREL_SHARED_DOMAIN_ALLOWED: domain.optional(),
    CARREL_PUBLIC_URL: urlOf(['http', 'https'], 'http(s)://host[:port]').optional(),
    CARREL_CORS_ORIGINS: listOf(origin).default([]),
    CARREL_FRAME_ANCESTORS: listOf(origin).default([]),
    CARREL_TRUSTED_PROXIES: listOf(cidr).default([]),
    CARREL_GUACD: listOf(address).default([]),
    CARREL_GUACD_RECORDINGS: z
      .string()
      .regex(/^\/[^\0]*$/, { error: 'must be an absolute path' })
      .optional(),
    CARREL_GUACD_BRIDGE_HOST: ip.optional(),
    CARREL_GUACD_PEERS: listOf(cidr).default([]),
    CARREL_GATEWAY_FIRST_BYTE_SECONDS: wholeNumber(1, 86_400).default(120),
    CARREL_GATEWAY_IDLE_SECONDS: wholeNumber(1, 86_400).default(60),
    CARREL_METRICS_HOST: z.string().default('127.0.0.1'),
    CARREL_METRICS_PORT: port.optional(),
    CARREL_DRAIN_MS: wholeNumber(0, 60_000).default(500),
  })
  .superRefine((env, context) => {
    const fault = faultTo(context)
    checkOrigins(env, fault)
    const { domain: sessions, scheme } = originsOf(env)
    if (env.CARREL_FRAME_ANCESTORS.length > 0 && scheme === 'http' && !isLocal(sessions))
      fault('CARREL_FRAME_ANCESTORS', 'needs doors on https: browsers keep no cookie of an embedded page otherwise')
    // On this machine every name below `localhost` is a site of its own.
    if (env.CARREL_ENV === 'development' && isLocal(sessions)) return
    if (env.CARREL_SHARED_DOMAIN_ALLOWED === sessions) return
    if (env.CARREL_ENV !== 'development' && env.CARREL_PUBLIC_URL === undefined)
      fault(
        'CARREL_PUBLIC_URL',
        'is required outside development, to see that the sessions domain shares no registrable domain with the API, unless CARREL_SHARED_DOMAIN_ALLOWED names the sessions domain',
      )
    const shared = sharedWith(sessions, [
      ...(env.CARREL_PUBLIC_URL === undefined ? [] : [env.CARREL_PUBLIC_URL]),
      ...env.CARREL_CORS_ORIGINS,
      ...env.CARREL_FRAME_ANCESTORS,
    ])
    if (shared !== null)
      fault(
        'CARREL_SESSIONS_DOMAIN',
        `must share no registrable domain with API or portals (${shared}), unless CARREL_SHARED_DOMAIN_ALLOWED names it`,
      )
  })
  .transform((env) => ({
    host: env.CARREL_GATEWAY_HOST,
    port: env.CARREL_GATEWAY_PORT,
    origins: originsOf(env),
    development: env.CARREL_ENV === 'development',
    /** How callers reach the api; `null`: nobody said. */
    apiUrl: env.CARREL_PUBLIC_URL ?? null,
    /** Origins of portals whose pages may show doors within themselves. */
    frameAncestors: env.CARREL_FRAME_ANCESTORS,
    /** Whose word about the caller's address counts: the reverse proxies before the gateway. */
    trustedProxies: env.CARREL_TRUSTED_PROXIES,
    guacd: env.CARREL_GUACD,
    /** Where guacd records to, by the same path for guacd and the gateway; `null`: nowhere. */
    guacdRecordings: env.CARREL_GUACD_RECORDINGS ?? null,
    /** How guacd comes back to the gateway, for desktops that are pinned to a certificate; `null`: as the gateway goes to guacd. */
    guacdBridge: { host: env.CARREL_GUACD_BRIDGE_HOST ?? null, peers: env.CARREL_GUACD_PEERS },
    firstByteMs: env.CARREL_GATEWAY_FIRST_BYTE_SECONDS * second,
    idleMs: env.CARREL_GATEWAY_IDLE_SECONDS * second,
    metricsHost: env.CARREL_METRICS_HOST,
    metricsPort: env.CARREL_METRICS_PORT ?? null,
    drainMs: env.CARREL_DRAIN_MS,
  }))

/** The site that session content would share with one of these addresses; `null`: none. */
export function sharedWith(sessionsDomain: string, urls: readonly string[]): string | null {
  // A door is below the domain: a domain that is a public suffix makes each door a site of its own.
  const site = siteOf(`door.${sessionsDomain}`)
  const hosts = urls.map((url) => new URL(url).hostname)
  return hosts.some((host) => siteOf(host) === site || host === sessionsDomain) ? site : null
}
