import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import type { JWK } from 'jose'
import { Provider } from 'oidc-provider'
import type { ClientMetadata } from 'oidc-provider'

/** What the provider says of a person; `sub` is the key in `accounts`. */
export type PersonClaims = Readonly<Record<string, unknown>>

export interface IdentityProviderOptions {
  readonly clients: readonly ClientMetadata[]
  /** Read at each sign-in and each refresh: a test may change it. */
  readonly accounts: Record<string, PersonClaims>
  /** Who signs in where the browser does not say; `null`: a form asks. */
  readonly person?: string | null
  /** Claims beside the usual ones, all given with `profile`. */
  readonly extraClaims?: readonly string[]
  /** Of ID tokens: RS256 unless it says another. */
  readonly algorithm?: 'RS256' | 'ES256' | 'PS256'
  /** What access tokens may be asked for by `resource`: these are JWTs. */
  readonly audience?: string
  /** Is told what comes to its token endpoint, and what goes out there. */
  readonly hear?: (exchanged: Readonly<Record<string, unknown>>) => void
  /** How it reaches clients at the back; by the network unless it is given. */
  readonly fetch?: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
}

/** A real OpenID Connect provider on loopback: `oidc-provider`, with its own cookies, codes, keys and checks. */
export interface TestIdentityProvider {
  readonly issuer: string
  /** Who signs in next, in browsers that do not say. */
  signsIn(person: string | null): void
  close(): Promise<void>
}

/** What a browser may carry to say who it is, so that many may sign in at once. */
export const personCookie = 'person'

export async function startIdentityProvider(options: IdentityProviderOptions): Promise<TestIdentityProvider> {
  const server = createPatientServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let person = options.person ?? null
  const provider = await createProvider(issuer, options)
  const serve = provider.callback()
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const isInteraction = request.url?.startsWith('/interaction/') === true
    if (isInteraction) void interact(provider, request, response, person).catch(() => response.writeHead(500).end())
    else void serve(request, response)
  })
  return {
    issuer,
    signsIn: (next) => (person = next),
    close: async () => await closeServer(server),
  }
}

/** Closes no connection that idles: a client that is about to use it again would find it broken, now and then. */
export function createPatientServer(): Server {
  const server = createServer()
  server.keepAliveTimeout = 0
  return server
}

export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise<void>((resolve) => server.close(() => resolve()))
}

/** A private key of its own, made once for the process: RSA takes its time. */
const keys = new Map<string, Promise<JWK>>()
const keyFor = (algorithm: string): Promise<JWK> => {
  const made = keys.get(algorithm) ?? makeKey(algorithm)
  keys.set(algorithm, made)
  return made
}

async function makeKey(algorithm: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  return { ...(await exportJWK(privateKey)), use: 'sig', alg: algorithm, kid: `test-${algorithm}` }
}

async function createProvider(issuer: string, options: IdentityProviderOptions): Promise<Provider> {
  const { clients, accounts, extraClaims = [], algorithm = 'RS256' } = options
  const jwks = { keys: [await keyFor('RS256'), ...(algorithm === 'RS256' ? [] : [await keyFor(algorithm)])] }
  const provider = new Provider(issuer, {
    clients: clients.map((client) => ({ id_token_signed_response_alg: algorithm, ...client })),
    jwks,
    cookies: { keys: ['test'], names: { session: 'idp', interaction: 'idp-at', resume: 'idp-on' } },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: options.audience !== undefined,
        getResourceServerInfo: () => ({
          scope: 'sessions',
          audience: options.audience ?? '',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
      rpInitiatedLogout: {
        enabled: true,
        // Nobody is there to be asked.
        logoutSource: (ctx, form) => {
          ctx.body = `<body>${form}<script>document.forms[0].submit()</script></body>`
        },
      },
    },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    claims: {
      openid: ['sub', 'sid'],
      profile: ['name', 'preferred_username', ...extraClaims],
      email: ['email', 'email_verified'],
    },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'PS256'] },
    conformIdTokenClaims: true,
    // Whoever may use one gets one, as at Keycloak: for the scope `offline_access` this one would have to be asked to ask.
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    findAccount: (_ctx, sub) => {
      const said = accounts[sub]
      return said === undefined ? undefined : { accountId: sub, claims: () => ({ sub, ...said }) }
    },
    loadExistingGrant: async (ctx) => {
      const { client, session } = ctx.oidc
      if (client === undefined || session?.accountId === undefined) return undefined
      const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope('openid profile email offline_access')
      await grant.save()
      return grant
    },
    ttl: {
      AccessToken: 3_600,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3_600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    fetch: options.fetch ?? anywhere,
  })
  provider.use(async (ctx, next) => {
    await next()
    // An answer of this endpoint is a JSON object.
    if (ctx.oidc?.route === 'token') options.hear?.({ ...ctx.oidc.params, ...(ctx.body as object) })
  })
  return provider
}

/** By the network, to loopback as well: the way that the provider brings along refuses that. */
const anywhere: NonNullable<IdentityProviderOptions['fetch']> = async (input, init) => {
  const asked: Record<string, unknown> = { ...init }
  delete asked['dispatcher']
  return await fetch(input, asked)
}

/** Signs in whoever the browser, or the test, says; else asks by a form. */
async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  person: string | null,
): Promise<void> {
  const carried = new RegExp(`(?:^|; )${personCookie}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1]
  const said = request.method === 'POST' ? new URLSearchParams(await textOf(request)).get('person') : null
  const accountId = said ?? carried ?? person
  if (accountId === 'refuses')
    return await provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'No.' })
  if (accountId !== null) return await provider.interactionFinished(request, response, { login: { accountId } })
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end('<form method="post"><label>Who <input name="person"></label><button>Sign in</button></form>')
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
