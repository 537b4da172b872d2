import { Agent, request } from 'node:http'
import type { ClientRequest } from 'node:http'

/** Why a session gave no answer. */
export type UpstreamFailure = 'unreachable' | 'timeout' | 'bad_answer'

/** The failure, thrown into a request so that it ends with it. */
export class UpstreamFailed extends Error {
  override readonly name = 'UpstreamFailed'
  readonly failure: UpstreamFailure
  constructor(failure: UpstreamFailure) {
    super(failure)
    this.failure = failure
  }
}

export interface Ask {
  readonly host: string
  readonly port: number
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
  /** A connection of its own, that nothing was said on before and nothing will be after. */
  readonly fresh: boolean
}

const connectMs = 5_000
const maxHeaderSize = 65_536
/** Shorter than servers usually keep a connection that nobody uses. */
const idleSocketMs = 4_000

export interface Upstream {
  /** Begins a request; the body, if any, is its caller's to write. Headers are written as they are. */
  ask(what: Ask): ClientRequest
  close(): void
}

/** Connections to sessions. One that is used again was made to the same address, and belongs to the same session. */
export function createUpstream(): Upstream {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 16, timeout: idleSocketMs, scheduling: 'lifo' })
  return {
    ask({ fresh, headers, ...where }) {
      const asked = request({
        ...where,
        headers,
        setHost: false,
        agent: fresh ? false : agent,
        maxHeaderSize,
        insecureHTTPParser: false,
        // The address was checked; a name would be looked up once more.
        lookup: (_name, _options, found) => found(new Error('only addresses are connected to'), ''),
      })
      asked.on('socket', (socket) => {
        socket.setNoDelay(true)
        if (!socket.connecting) return
        const timer = setTimeout(() => asked.destroy(new UpstreamFailed('unreachable')), connectMs)
        socket.once('connect', () => clearTimeout(timer))
        socket.once('close', () => clearTimeout(timer))
      })
      return asked
    },
    close: () => agent.destroy(),
  }
}

const unreachableCodes = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
  'ENETDOWN',
])

/** What a request to a session failed of. */
export function failureOf(error: unknown): UpstreamFailure {
  if (error instanceof UpstreamFailed) return error.failure
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return unreachableCodes.has(code) ? 'unreachable' : 'bad_answer'
}
