import type { z } from 'zod'
import { endpointOf, identityUrl } from './catalog.ts'
import type { Service } from './catalog.ts'
import { CloudError } from './cloud-error.ts'
import { faultOf } from './fault.ts'
import type { Identity, Token } from './token.ts'
import type { Answer, Wire } from './wire.ts'

/** What stands more than once in a query is a list. */
export type Query = Readonly<Record<string, string | number | readonly string[]>>

export interface Ask {
  readonly query?: Query
  readonly body?: unknown
  readonly timeoutMs?: number
}

/** A cloud's services, signed in. Every call is bounded, and throws `CloudError` alone. Ids in paths must be clean. */
export interface CloudApi {
  get<T>(service: Service | 'identity', path: string, schema: z.ZodType<T>, signal: AbortSignal, ask?: Ask): Promise<T>
  post<T>(service: Service, path: string, schema: z.ZodType<T>, signal: AbortSignal, ask: Ask): Promise<T>
  /** For its effect alone. */
  done(service: Service, method: 'POST' | 'DELETE', path: string, signal: AbortSignal, ask?: Ask): Promise<void>
  /** Whether this cloud has the service. */
  has(service: Service, signal: AbortSignal): Promise<boolean>
  token(signal: AbortSignal): Promise<Token>
}

/** What a service is called when an operator reads of it, and the version of its words that is spoken here: never "the newest". */
const spoken: Readonly<Record<Service | 'identity', { readonly who: string; readonly version?: string }>> = {
  identity: { who: 'keystone' },
  // Of 2018, and served since: tags at boot (2.52), networks named (2.37), the flavour within the server (2.47).
  compute: { who: 'nova', version: 'compute 2.60' },
  network: { who: 'neutron' },
  image: { who: 'glance' },
  volume: { who: 'cinder', version: 'volume 3.0' },
}

export function createApi(wire: Wire, identity: Identity, requestTimeoutMs: number): CloudApi {
  async function ask(
    service: Service | 'identity',
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    signal: AbortSignal,
    { query = {}, body, timeoutMs = requestTimeoutMs }: Ask,
  ): Promise<Answer> {
    const { who, version } = spoken[service]
    const send = async (token: Token) =>
      await wire.ask(
        {
          method,
          url: `${baseOf(token, service)}${path}${queryOf(query)}`,
          headers: {
            'x-auth-token': token.secret,
            ...(version === undefined ? {} : { 'openstack-api-version': version }),
          },
          ...(body === undefined ? {} : { body }),
          timeoutMs,
        },
        signal,
      )
    const token = await identity.token(signal)
    let answer = await send(token)
    if (answer.status === 401) {
      identity.drop(token)
      answer = await send(await identity.token(signal))
    }
    if (answer.status < 200 || answer.status > 299) throw faultOf(who, answer)
    return answer
  }

  async function read<T>(
    service: Service | 'identity',
    method: 'GET' | 'POST',
    path: string,
    schema: z.ZodType<T>,
    signal: AbortSignal,
    asked: Ask,
  ): Promise<T> {
    const parsed = schema.safeParse((await ask(service, method, path, signal, asked)).body)
    if (!parsed.success) throw new CloudError(null, `${spoken[service].who}: an answer that is not understood`)
    return parsed.data
  }

  return {
    get: (service, path, schema, signal, asked = {}) => read(service, 'GET', path, schema, signal, asked),
    post: (service, path, schema, signal, asked) => read(service, 'POST', path, schema, signal, asked),
    async done(service, method, path, signal, asked = {}) {
      await ask(service, method, path, signal, asked)
    },
    async has(service, signal) {
      const { catalog, cloud } = await identity.token(signal)
      return endpointOf(catalog, service, cloud) !== null
    },
    token: (signal) => identity.token(signal),
  }
}

function baseOf({ catalog, cloud }: Token, service: Service | 'identity'): string {
  if (service === 'identity') return identityUrl(cloud.authUrl)
  const url = endpointOf(catalog, service, cloud)
  // As a service in trouble: a catalogue may be mended, and no session is at fault.
  if (url === null) throw new CloudError(null, `${spoken[service].who}: not in the catalogue of this region`)
  return url
}

function queryOf(query: Query): string {
  const words = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    for (const each of typeof value === 'object' ? value : [`${value}`]) words.append(name, each)
  const text = words.toString()
  return text === '' ? '' : `?${text}`
}
