import { createServer as createHttp } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { Socket } from 'node:net'
import { makeServerCertificate } from './certificates.ts'
import { openFront } from './fault-front.ts'
import { answering, cut, holding, losing, passing, slowing, spoiling } from './fault-handlers.ts'
import type { Garbage, Handler } from './fault-handlers.ts'
import { openTarget } from './fault-target.ts'

/** `path` is the request's target, with its query. */
export type Match = (method: string, path: string) => boolean

/**
 * Stands between a driver and its backend, and does to the requests what it is told. What was chosen last holds for
 * every request from then on, until `pass`; what `loseNext` and `holdNext` name goes before it, once.
 */
export interface FaultProxy {
  /** `http://127.0.0.1:port`, or `https:` with `tls`; the port stays the same. */
  readonly url: string
  /** PEM of the authority that signed its certificate, with `tls`; otherwise empty. */
  readonly ca: string
  /** All goes through, upgrades too, and what was named and never came is forgotten. */
  pass(): Promise<void>
  /** Nobody listens, and every connection is cut. */
  refuse(): Promise<void>
  /** Connections are taken, and nothing is answered; they are cut when something else is chosen. */
  hang(): Promise<void>
  /** As a process that is stopped: nothing is answered, and all that came meanwhile is done when it goes on. */
  freeze(): Promise<void>
  /** Every request is answered so, and does not reach the backend. */
  answer(status: number, headers?: Readonly<Record<string, string>>, body?: string): Promise<void>
  /** `text` unless said otherwise. */
  garbage(kind?: Garbage): Promise<void>
  /** Every request waits so long before it goes on its way. */
  slow(ms: number): Promise<void>
  /** The next request that matches reaches the backend, and the connection is cut before the answer. */
  loseNext(match: Match): void
  /** The next request that matches waits on its way; `land` returns when the backend has taken it, or throws. */
  holdNext(match: Match): { land(): Promise<void> }
  /** What came since the beginning, in its order. */
  readonly requests: readonly { readonly method: string; readonly path: string }[]
  close(): Promise<void>
}

/** `target`: `http://`, `https://` (trusting `targetCa` alone, where given) or `unix:///path`. */
export async function createFaultProxy(options: {
  readonly target: string
  readonly targetCa?: string
  readonly tls?: boolean
}): Promise<FaultProxy> {
  const target = openTarget(options.target, options.targetCa)
  const requests: { method: string; path: string }[] = []
  const ending = new AbortController()
  let planned: { readonly match: Match; readonly handle: Handler }[] = []
  const pass: Mode = { takes: 'all', handle: passing(target) }
  let mode: Mode = pass

  const note = ({ method = '', url: path = '' }: IncomingMessage) => {
    requests.push({ method, path })
    const plan = planned.find(({ match }) => match(method, path))
    planned = planned.filter((other) => other !== plan)
    return plan
  }
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const handle = note(request)?.handle ?? mode.handle
    response.on('error', () => cut(request))
    void Promise.resolve(handle(request, response)).catch(() => cut(request))
  }
  const upgrade = (request: IncomingMessage, client: Socket, head: Buffer): void => {
    note(request)
    if (mode.takes !== 'all') return void client.destroy()
    const onward = target.dial()
    onward.write(headOf(request))
    onward.write(head)
    client.on('error', () => onward.destroy()).once('close', () => onward.destroy())
    onward.on('error', () => client.destroy()).once('close', () => client.destroy())
    client.pipe(onward).pipe(client)
  }

  const certificate = options.tls === true ? await makeServerCertificate() : null
  const server =
    certificate === null
      ? createHttp(serve)
      : createHttps({ key: certificate.key, cert: certificate.cert }, serve).on('tlsClientError', () => undefined)
  server.on('upgrade', upgrade)
  const front = await openFront((socket) => {
    if (mode.takes === 'all' || mode.takes === 'requests') server.emit('connection', socket)
  })
  const choose = async (next: Mode) => {
    const last = mode
    mode = next
    last.over?.()
    if (last.takes === 'connections') front.cutAll()
    await (next.takes === 'nothing' ? front.shut() : front.open())
  }

  return {
    url: `${certificate === null ? 'http' : 'https'}://127.0.0.1:${front.port}`,
    ca: certificate?.ca ?? '',
    requests,
    pass() {
      planned = []
      return choose(pass)
    },
    refuse: () => choose({ takes: 'nothing', handle: cut }),
    hang: () => choose({ takes: 'connections', handle: () => undefined }),
    async freeze() {
      const { promise, resolve } = Promise.withResolvers<void>()
      await choose({ takes: 'requests', handle: holding(target, promise), over: resolve })
    },
    answer: (status, headers = {}, body = '') =>
      choose({ takes: 'requests', handle: answering(status, headers, body) }),
    garbage: (kind = 'text') => choose({ takes: 'requests', handle: spoiling(target, kind) }),
    slow: (ms) => choose({ takes: 'all', handle: slowing(target, ms, ending.signal) }),
    loseNext: (match) => void planned.push({ match, handle: losing(target) }),
    holdNext(match) {
      const landing = Promise.withResolvers<void>()
      const landed = Promise.withResolvers<number>()
      const plan = { match, handle: holding(target, landing.promise, landed.resolve) }
      planned.push(plan)
      return {
        async land() {
          if (planned.includes(plan)) throw new Error('no request came that could be held')
          landing.resolve()
          const status = await landed.promise
          if (status >= 400) throw new Error(`the held request had no effect: it was answered ${status}`)
        },
      }
    },
    async close() {
      ending.abort()
      await front.shut()
    },
  }
}

interface Mode {
  readonly takes: 'all' | 'requests' | 'connections' | 'nothing'
  readonly handle: Handler
  readonly over?: () => void
}

function headOf(request: IncomingMessage): string {
  const lines = [`${request.method} ${request.url} HTTP/1.1`]
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2)
    lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}
