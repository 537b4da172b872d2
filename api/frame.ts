import { randomUUID } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import type { ApiSettings, Services } from './deps.ts'
import type { AppContext, AppEnv } from './env.ts'
import { Problem } from './problem.ts'

const codecPath = '/v1/admin/codec/'
const kib = 1_024

/** What every answer carries, an error's too. */
const headers = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
}
const unlessSet = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
}

/** Takes the caller's request id if it is a plain one, makes one else; counts, times and logs the request by its operation. */
export function observed(services: Services): MiddlewareHandler<AppEnv> {
  const seconds = services.metrics.histogram('http_request_seconds', 'How long requests took', [
    'operation',
    'status',
    'code',
  ])
  return async (c, next) => {
    const asked = c.req.header('x-request-id') ?? ''
    const requestId = /^[A-Za-z0-9._-]{8,64}$/.test(asked) ? asked : randomUUID()
    c.set('services', services)
    c.set('requestId', requestId)
    c.set('operation', '')
    c.set('code', null)
    c.set('othersRead', false)
    c.set('said', null)
    c.set('unlogged', false)
    const begun = performance.now()
    await next()
    const ms = Math.round(performance.now() - begun)
    c.res.headers.set('X-Request-Id', requestId)
    for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value)
    for (const [name, value] of Object.entries(unlessSet)) if (!c.res.headers.has(name)) c.res.headers.set(name, value)
    const { operation, code, unlogged } = c.var
    const status = c.res.status
    const problem = code === null ? {} : { code }
    seconds.observe({ operation: operation || 'none', status: String(status), ...problem }, ms / 1_000)
    if (unlogged) return
    // By name, never by path: a path may hold what is no log's business.
    const caller = c.get('principal') as AppEnv['Variables']['principal'] | undefined
    const who = caller === undefined ? {} : { account: caller.accountId, client: caller.client }
    services.log.info({ requestId, operation, method: c.req.method, status, ms, code, ...who }, 'request')
  }
}

const exposed = [
  'Allow',
  'ETag',
  'Location',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
]

/** Pages of the configured origins may call with tokens; only the Temporal UI's may call the codec. No credentials. */
export function crossOrigin(settings: ApiSettings): MiddlewareHandler<AppEnv> {
  const allowedOf = (origin: string, c: AppContext): string | null => {
    const allowed = c.req.path.startsWith(codecPath) ? [settings.temporalUiOrigin] : settings.corsOrigins
    return allowed.includes(origin) ? origin : null
  }
  const preflight = cors({
    origin: (origin, c: AppContext) => allowedOf(origin, c),
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    allowHeaders: [
      'Accept',
      'Authorization',
      'Carrel-On-Behalf-Of',
      'Content-Type',
      'Idempotency-Key',
      'If-Match',
      'Last-Event-ID',
      'Prefer',
      'X-Namespace',
      'X-Request-Id',
    ],
    exposeHeaders: exposed,
    maxAge: 600,
  })
  const expose = exposed.join(',')
  return async (c, next) => {
    if (c.req.method === 'OPTIONS') return await preflight(c, next)
    const allowed = allowedOf(c.req.header('origin') ?? '', c)
    // As headers to come: who takes the answer into his hand before there is one has it made as a stream, and read again.
    if (allowed !== null) c.header('Access-Control-Allow-Origin', allowed)
    c.header('Access-Control-Expose-Headers', expose)
    await next()
    c.res.headers.append('Vary', 'Origin')
  }
}

/** Refuses large bodies before they are read whole. The codec's are as large as a workflow's payloads. */
export function bounded(): MiddlewareHandler<AppEnv> {
  const limitTo = (maxSize: number): MiddlewareHandler<AppEnv> => {
    const onError = () => {
      throw new Problem('payload_too_large', `The body may hold ${maxSize / kib} KiB.`)
    }
    const counted = bodyLimit({ maxSize, onError })
    return (c, next) => {
      const declared = Number(c.req.header('content-length'))
      // Node reads no further than what is declared. To look at a body makes a stream of it, which costs more than its JSON.
      if (!Number.isInteger(declared) || c.req.header('transfer-encoding') !== undefined) return counted(c, next)
      return declared > maxSize ? onError() : next()
    }
  }
  const usual = limitTo(256 * kib)
  const codec = limitTo(4_096 * kib)
  return (c, next) => (c.req.path.startsWith(codecPath) ? codec(c, next) : usual(c, next))
}
