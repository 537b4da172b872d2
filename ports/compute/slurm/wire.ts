import { readFileSync } from 'node:fs'
import { Agent } from 'undici'
import { connectWithin } from '../backend-reach.ts'
import type { BackendReach } from '../backend-reach.ts'
import { retryAfterMs } from '../retry-after.ts'
import { untilAborted } from '../until-aborted.ts'
import { SlurmFailure } from './failure.ts'
import type { SlurmSettings } from './settings.ts'
import type { Pass } from './tokens.ts'

export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below the base URL; its parts are clean or encoded. */
  readonly path: string
  readonly pass: Pass
  readonly body?: object
}

/** `body` is parsed JSON, whatever it holds; `null` where the answer was none. */
export interface Reply {
  readonly status: number
  readonly body: unknown
  readonly retryAfterMs: number | null
}

/** Requests to one slurmrestd, each bounded in time and size; follows no redirect. Throws `SlurmFailure` alone. */
export interface Wire {
  send(request: WireRequest, signal: AbortSignal): Promise<Reply>
  close(): Promise<void>
}

type WireSettings = Pick<SlurmSettings, 'url' | 'ca' | 'caFile' | 'requestTimeoutMs' | 'maxAnswerMib'>

export function createWire(settings: WireSettings, reach: BackendReach): Wire {
  const { requestTimeoutMs } = settings
  const maxBytes = settings.maxAnswerMib * 1024 * 1024
  const ca = settings.caFile === undefined ? settings.ca : readFileSync(settings.caFile, 'utf8')
  const agent = new Agent({
    connect: connectWithin(reach, { timeout: requestTimeoutMs, ...(ca === undefined ? {} : { ca }) }),
    connections: 16,
    // Time is bounded as a whole, by the signal.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: maxBytes,
  })
  const { origin, pathname } = new URL(settings.url)
  const prefix = pathname.replace(/\/+$/, '')

  async function once({ method, path, pass, body }: WireRequest, signal: AbortSignal): Promise<Reply> {
    const answer = await agent.request({
      origin,
      path: prefix + path,
      method,
      headers: {
        accept: 'application/json',
        'x-slurm-user-name': pass.user,
        'x-slurm-user-token': pass.token,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    })
    const text = await answer.body.text()
    return {
      status: answer.statusCode,
      body: parsed(text),
      retryAfterMs: retryAfterMs(first(answer.headers['retry-after'])),
    }
  }

  return {
    async send(request, signal) {
      const timeout = AbortSignal.timeout(requestTimeoutMs)
      const both = AbortSignal.any([signal, timeout])
      for (let again = request.method === 'GET'; ; again = false)
        try {
          // A request that has no connection yet does not look at its signal.
          return await untilAborted(once(request, both), both)
        } catch (error) {
          if (signal.aborted) throw new SlurmFailure('cancelled')
          if (timeout.aborted) throw new SlurmFailure(`no answer within ${requestTimeoutMs} ms`)
          // A kept connection that was cut meanwhile: slurmrestd closes them after each error.
          if (again && isCut(error)) continue
          throw new SlurmFailure(`unreachable (${codeOf(error)})`)
        }
    },
    close: () => agent.destroy(),
  }
}

const first = (header: string | string[] | undefined) => (Array.isArray(header) ? header[0] : header)

/** Beside its JSON slurmrestd answers in plain sentences, and what stands before it in pages: neither is looked into. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no answer'
const isCut = (error: unknown): boolean => ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error))
