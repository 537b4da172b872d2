import { Agent, request } from 'undici'
import type { Dispatcher } from 'undici'
import type { z } from 'zod'
import { connectWithin } from '../backend-reach.ts'
import type { BackendReach } from '../backend-reach.ts'
import { readAll } from '../read-all.ts'
import { untilAborted } from '../until-aborted.ts'
import { AccessUnusable, openAccess } from './access.ts'
import type { Access } from './access.ts'
import { ApiError, errorOf, isStatus } from './api-error.ts'
import { readTail } from './read-tail.ts'
import type { KubernetesSettings } from './settings.ts'

export type Query = Readonly<Record<string, string | number>>

/**
 * The cluster's API with a bound on everything: time, size and shape. Throws `ApiError` alone. The generated client is not
 * asked: it bounds no answer's size and checks no answer's shape.
 */
export interface Api {
  get<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal, query?: Query): Promise<T>
  /** As `get`, of names and labels alone: no content of a Secret comes along. `many`: a list of them. */
  metadata<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal, query?: Query): Promise<T>
  create<T>(path: string, body: object, schema: z.ZodType<T>, signal: AbortSignal): Promise<T>
  /** As `create`, and nothing is made: throws what the cluster would refuse it with. */
  tryOut(path: string, body: object, signal: AbortSignal): Promise<void>
  /** Server-side apply: makes it, or makes it so. */
  apply<T>(path: string, body: object, schema: z.ZodType<T>, signal: AbortSignal): Promise<T>
  merge<T>(path: string, patch: object, schema: z.ZodType<T>, signal: AbortSignal): Promise<T>
  remove(path: string, options: object, signal: AbortSignal): Promise<void>
  /** The last `keptBytes` of the answer; `null` where it has more than `maxBytes`. */
  tail(
    path: string,
    bounds: { readonly keptBytes: number; readonly maxBytes: number },
    signal: AbortSignal,
    query?: Query,
  ): Promise<string | null>
  /** The cluster's time, ms since the epoch, to a second: its own times are compared with no other clock. */
  now(): number
  /** By how much the cluster's clock is ahead of this one, ms; `null` before the first answer. */
  skewMs(): number | null
  /** The token it speaks with now. Throws `ApiError`. */
  token(): Promise<string | null>
  close(): Promise<void>
}

const maxJsonBytes = 32 * 1024 * 1024
const maxErrorBytes = 64 * 1024
const manager = { fieldManager: 'carrel', fieldValidation: 'Strict' }
const partial = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const partials = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'

interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Query
  readonly body?: object
  readonly type?: string
  readonly accept?: string
}

type Body = AsyncIterable<unknown>

interface Way {
  readonly access: Access
  readonly agent: Agent
}

export function createApi(settings: KubernetesSettings, reach: BackendReach): Api {
  let opened: Promise<Way> | null = null
  let skewMs: number | null = null

  const open = async () => {
    const opening = (opened ??= openAccess(settings).then((access) => ({ access, agent: agentOf(access) })))
    return await opening.catch((error: unknown) => {
      opened = null
      throw error
    })
  }
  const agentOf = ({ tls }: Access) =>
    new Agent({
      connect: connectWithin(reach, { ...tls, timeout: settings.requestTimeoutMs }),
      headersTimeout: settings.requestTimeoutMs,
      bodyTimeout: settings.requestTimeoutMs,
      connections: 32,
      keepAliveTimeout: 20_000,
    })

  /** The next call reads anew what the settings name: an authority or a certificate may have been changed. */
  async function forget(way: Way): Promise<void> {
    const now = opened
    if (now === null || (await now) !== way || opened !== now) return
    opened = null
    await way.agent.close()
  }

  async function send(
    { access, agent }: Way,
    token: string | null,
    call: Call,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const url = new URL(access.server + call.path)
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, `${value}`)
    const answer = await request(url, {
      dispatcher: agent,
      method: call.method,
      signal,
      headers: {
        accept: call.accept ?? 'application/json',
        'user-agent': 'carrel',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(call.body === undefined ? {} : { 'content-type': call.type ?? 'application/json' }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
    })
    const date = Date.parse(single(answer.headers['date']) ?? '')
    if (!Number.isNaN(date)) skewMs = date - Date.now()
    return answer
  }

  /** One call, all of it within the request's time. */
  async function bounded<T>(call: Call, outer: AbortSignal, read: (body: Body) => Promise<T>): Promise<T> {
    const timeout = AbortSignal.timeout(settings.requestTimeoutMs)
    const both = AbortSignal.any([outer, timeout])
    let way: Way | null = null
    const exchange = async () => {
      let token: string | null
      do {
        way = await open()
        token = await way.access.token()
        // While that was read, another call may have given this way up.
      } while (way.agent.closed)
      const answer = await send(way, token, call, both)
      if (answer.statusCode < 300) return await read(answer.body)
      const said = (await readAll(answer.body, maxErrorBytes, 'cut')).toString()
      throw errorOf(answer.statusCode, said, single(answer.headers['retry-after']))
    }
    try {
      outer.throwIfAborted()
      return await untilAborted(exchange(), both)
    } catch (error) {
      if (way !== null && isMistrust(error)) forget(way).catch(() => undefined)
      if (error instanceof ApiError) throw error
      if (outer.aborted) throw new ApiError(null, 'cancelled')
      if (timeout.aborted) throw new ApiError(null, `no answer within ${settings.requestTimeoutMs} ms`)
      throw new ApiError(null, `unreachable (${causeOf(error)})`)
    }
  }

  async function json<T>(call: Call, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const body = await bounded(call, signal, whole)
    const parsed = schema.safeParse(parse(body))
    if (!parsed.success) throw new ApiError(null, `an answer that is not understood at ${call.path}`)
    return parsed.data
  }

  /** A kept connection may have been cut while nobody looked: a call that changes nothing is made once more. */
  async function reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      if (error instanceof ApiError && /UND_ERR_SOCKET|ECONNRESET|EPIPE/.test(error.message)) return await read()
      throw error
    }
  }

  return {
    get: async (path, schema, signal, query = {}) =>
      await reading(async () => await json({ method: 'GET', path, query }, schema, signal)),
    metadata: async (path, schema, signal, query = {}) => {
      const accept = 'labelSelector' in query ? partials : partial
      return await reading(async () => await json({ method: 'GET', path, query, accept }, schema, signal))
    },
    create: async (path, body, schema, signal) =>
      await json({ method: 'POST', path, query: manager, body }, schema, signal),
    tryOut: async (path, body, signal) => {
      const query = { ...manager, dryRun: 'All' }
      await bounded({ method: 'POST', path, query, body }, signal, whole)
    },
    apply: async (path, body, schema, signal) => {
      const query = { ...manager, force: 'true' }
      return await json({ method: 'PATCH', path, query, body, type: 'application/apply-patch+yaml' }, schema, signal)
    },
    merge: async (path, body, schema, signal) =>
      await json({ method: 'PATCH', path, query: manager, body, type: 'application/merge-patch+json' }, schema, signal),
    remove: async (path, body, signal) => void (await bounded({ method: 'DELETE', path, body }, signal, whole)),
    tail: async (path, bounds, signal, query = {}) => {
      const end = async (body: Body) => (await readTail(body, bounds))?.toString() ?? null
      return await reading(async () => await bounded({ method: 'GET', path, query, accept: '*/*' }, signal, end))
    },
    now: () => Date.now() + (skewMs ?? 0),
    skewMs: () => skewMs,
    async token() {
      try {
        return await (await open()).access.token()
      } catch (error) {
        throw new ApiError(null, causeOf(error))
      }
    },
    async close() {
      const last = opened
      opened = null
      await last?.then(async ({ agent }) => await agent.destroy()).catch(() => undefined)
    },
  }
}

const tooLarge = () => new ApiError(null, 'an answer that is too large')
const whole = async (body: Body) => (await readAll(body, maxJsonBytes, tooLarge)).toString()
const single = (header: string | string[] | undefined) => (Array.isArray(header) ? header[0] : header)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** One side does not know the other. */
const isMistrust = (error: unknown): boolean =>
  isStatus(error, 401) || (!(error instanceof ApiError) && /CERT|SIGNATURE|TLS|SSL/.test(causeOf(error)))

/** A word of Node's or of ours; the library's own text stays here. */
function causeOf(error: unknown): string {
  if (error instanceof AccessUnusable) return error.message
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return 'no connection'
}
