import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import type { JWTPayload } from 'jose'
import { closeServer, createPatientServer } from './identity-provider.ts'

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>

/** What an issuer does that it should not; whatever is left out it does as it should. */
export interface Behaviour {
  /** Of which answer: it is 10 MB, never comes, or leads elsewhere. */
  readonly huge?: Place
  readonly never?: Place
  readonly redirects?: Place
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Of the ID token. */
  readonly claims?: (usual: JWTPayload) => JWTPayload
  readonly signature?: 'none' | 'public key as secret' | 'withdrawn key'
  /** Of the address that browsers are sent back to. */
  readonly back?: (usual: URLSearchParams) => void
  readonly userinfo?: Readonly<Record<string, unknown>>
}
type Place = 'discovery' | 'keys' | 'token' | 'userinfo'

/** An issuer that can do anything. It asks nobody: whoever comes is `sub: ada`. */
export interface HostileProvider {
  readonly issuer: string
  behave(behaviour: Behaviour): void
  /** Signs with another key from now on, and shows that alone. */
  rotate(): Promise<void>
  /** Any token, signed as it should be. */
  sign(claims: JWTPayload, header?: Readonly<Record<string, string>>): Promise<string>
  close(): Promise<void>
}

const places: Readonly<Record<string, Place>> = {
  '/.well-known/openid-configuration': 'discovery',
  '/jwks': 'keys',
  '/token': 'token',
  '/me': 'userinfo',
}
const tenMegabytes = 10 * 1024 * 1024

export async function startHostileProvider(): Promise<HostileProvider> {
  const server = createPatientServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let behaviour: Behaviour = {}
  const withdrawn = await generateKeyPair('RS256', { extractable: true })
  let current = { kid: 'first', pair: await generateKeyPair('RS256', { extractable: true }) }
  const nonces = new Map<string, string>()

  const sign: HostileProvider['sign'] = async (claims, header = {}) =>
    await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: current.kid, ...header })
      .sign(current.pair.privateKey)
  const idToken = async (claims: JWTPayload): Promise<string> => {
    switch (behaviour.signature) {
      case undefined:
        return await sign(claims)
      case 'none':
        return `${part({ alg: 'none' })}.${part(claims)}.`
      case 'public key as secret':
        return await withPublicKey(claims, current.pair)
      case 'withdrawn key':
        return await new SignJWT(claims)
          .setProtectedHeader({ alg: 'RS256', kid: 'withdrawn' })
          .sign(withdrawn.privateKey)
      default:
        return behaviour.signature satisfies never
    }
  }
  const answers: Record<Place, (request: IncomingMessage) => Promise<unknown>> = {
    discovery: async () => ({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      userinfo_endpoint: `${issuer}/me`,
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      ...behaviour.metadata,
    }),
    keys: async () => ({
      keys: [{ ...(await exportJWK(current.pair.publicKey)), kid: current.kid, use: 'sig', alg: 'RS256' }],
    }),
    token: async (request) => {
      const code = new URLSearchParams(await textOf(request)).get('code') ?? ''
      const now = Math.floor(Date.now() / 1_000)
      const usual = { iss: issuer, sub: 'ada', aud: 'carrel', iat: now, exp: now + 300, nonce: nonces.get(code) ?? '' }
      const id_token = await idToken(behaviour.claims?.(usual) ?? usual)
      return { access_token: 'access', token_type: 'Bearer', expires_in: 300, id_token }
    },
    userinfo: async () => ({ sub: 'ada', name: 'Ada', ...behaviour.userinfo }),
  }
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', issuer)
    if (url.pathname === '/authorize') return sendBack(url, response)
    const place = places[url.pathname]
    if (place === undefined) return void response.writeHead(404).end()
    if (behaviour.never === place) return
    if (behaviour.redirects === place) return void response.writeHead(302, { location: `${issuer}/elsewhere` }).end()
    const answer = await answers[place](request)
    response.writeHead(200, { 'content-type': 'application/json' })
    const padding = behaviour.huge === place ? { padding: 'x'.repeat(tenMegabytes) } : {}
    response.end(JSON.stringify({ ...(answer as object), ...padding }))
  }
  const sendBack = ({ searchParams: asked }: URL, response: ServerResponse) => {
    const code = randomBytes(16).toString('hex')
    nonces.set(code, asked.get('nonce') ?? '')
    const back = new URL(asked.get('redirect_uri') ?? issuer)
    back.searchParams.set('code', code)
    back.searchParams.set('state', asked.get('state') ?? '')
    behaviour.back?.(back.searchParams)
    response.writeHead(302, { location: back.href }).end()
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void serve(request, response).catch(() => response.destroy())
  })
  return {
    issuer,
    behave: (next) => (behaviour = next),
    rotate: async () => {
      current = { kid: 'second', pair: await generateKeyPair('RS256', { extractable: true }) }
    },
    sign,
    close: async () => await closeServer(server),
  }
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** What a verifier takes that lets the token say how it is signed: the public key, which everybody has, as a shared secret. */
async function withPublicKey(claims: JWTPayload, { publicKey }: KeyPair): Promise<string> {
  const text = `${part({ alg: 'HS256', kid: 'first' })}.${part(claims)}`
  const mac = createHmac('sha256', await exportSPKI(publicKey))
    .update(text)
    .digest('base64url')
  return `${text}.${mac}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
