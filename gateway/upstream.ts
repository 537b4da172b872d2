import { Agent, request } from 'node:http'
import type { ClientRequest } from 'node:http'
import { NotPinned, PinnedAgent } from '../ports/access/pinned.ts'
import type { PinnedRequest } from '../ports/access/pinned.ts'

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
  /** It speaks TLS with this certificate alone; without, it speaks plainly. */
  readonly fingerprint?: string
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
  const kept = { keepAlive: true, maxFreeSockets: 16, timeout: idleSocketMs, scheduling: 'lifo' } as const
  const agent = new Agent(kept)
  const pinned = new PinnedAgent(kept)
  const agentFor = (fingerprint: string | undefined, fresh: boolean) => {
    if (fingerprint === undefined) return fresh ? false : agent
    return fresh ? new PinnedAgent() : pinned
  }
  return {
    ask({ fresh, headers, ...where }) {
      const options: PinnedRequest = {
        ...where,
        headers,
        setHost: false,
        agent: agentFor(where.fingerprint, fresh),
        maxHeaderSize,
        insecureHTTPParser: false,
        // The address was checked; a name would be looked up once more.
        lookup: (_name, _options, found) => found(new Error('only addresses are connected to'), ''),
      }
      const asked = request(options)
      asked.on('socket', (socket) => {
        socket.setNoDelay(true)
        if (!socket.connecting) return
        const timer = setTimeout(() => asked.destroy(new UpstreamFailed('unreachable')), connectMs)
        socket.once('connect', () => clearTimeout(timer))
        socket.once('close', () => clearTimeout(timer))
      })
      return asked
    },
    close: () => {
      agent.destroy()
      pinned.destroy()
    },
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
  // Whoever else answers there is not the session.
  if (error instanceof NotPinned) return 'unreachable'
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return unreachableCodes.has(code) ? 'unreachable' : 'bad_answer'
}
