import { createHash, timingSafeEqual } from 'node:crypto'
import { Agent } from 'node:http'
import type { AgentOptions, ClientRequestArgs, RequestOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'

/** An instance that speaks TLS, and the one certificate that is its: the SHA-256 of its DER form, 64 hex digits. */
export interface PinnedTarget {
  readonly host: string
  readonly port: number
  readonly fingerprint: string
}

/** Nobody answers there in TLS, or somebody else does. */
export class NotPinned extends Error {
  override readonly name = 'NotPinned'
}

const connectMs = 5_000

/**
 * Connects, and says nothing before the certificate is seen to be the pinned one: no authority, no name, no date counts. Whoever shows
 * it has its key, for the handshake proves that. Rejects with `NotPinned`, after 5 s at the latest.
 */
export async function connectPinned(target: PinnedTarget, signal?: AbortSignal): Promise<TLSSocket> {
  return await new Promise((resolve, reject) => {
    const socket = connect({
      host: target.host,
      port: target.port,
      // Held against the pin below.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
    })
    const settle = (refusal: string | null) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', leave)
      socket.off('error', failed).off('close', closed)
      if (refusal === null) return resolve(socket)
      socket.on('error', () => {}).destroy()
      reject(new NotPinned(refusal))
    }
    const failed = () => settle('nobody speaks TLS there')
    const closed = () => settle('it was closed before the handshake was over')
    const leave = () => settle('given up')
    const timer = setTimeout(() => settle('no handshake in time'), connectMs)
    signal?.addEventListener('abort', leave, { once: true })
    socket.once('error', failed)
    socket.once('close', closed)
    socket.once('secureConnect', () =>
      settle(isPinned(socket, target.fingerprint) ? null : 'it shows another certificate'),
    )
    if (signal?.aborted === true) leave()
  })
}

function isPinned(socket: TLSSocket, fingerprint: string): boolean {
  const shown = socket.getPeerX509Certificate()?.raw
  const expected = Buffer.from(fingerprint, 'hex')
  if (shown === undefined) return false
  const digest = createHash('sha256').update(shown).digest()
  return digest.length === expected.length && timingSafeEqual(digest, expected)
}

/** What a request must say for `PinnedAgent`. */
export interface PinnedRequest extends RequestOptions {
  readonly fingerprint?: string
}

/** Requests over pinned connections. One that is used again is to the same place with the same certificate. */
export class PinnedAgent extends Agent {
  constructor(options: AgentOptions = {}) {
    super(options)
  }

  override createConnection(
    { host, port, fingerprint = '' }: ClientRequestArgs & PinnedRequest,
    told?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    // Only once it is seen to be the right one is there a connection that a request is written to.
    connectPinned({ host: host ?? '', port: Number(port), fingerprint }).then(
      (socket) => told?.(null, socket),
      // Whoever is told of an error looks at nothing else.
      (error: Error) => told?.(error, undefined as never),
    )
    return undefined
  }

  override getName(options?: PinnedRequest): string {
    return `${super.getName(options)}:${options?.fingerprint ?? ''}`
  }
}
