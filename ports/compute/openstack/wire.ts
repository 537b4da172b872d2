import { Agent, request } from 'undici'
import type { BackendReach } from '../backend-reach.ts'
import { connectWithin } from '../backend-reach.ts'
import { readAll } from '../read-all.ts'
import { untilAborted } from '../until-aborted.ts'
import { CloudError } from './cloud-error.ts'

export interface Answer {
  readonly status: number
  header(name: string): string | null
  /** Parsed; `undefined` where there was none, or where it is no JSON. */
  readonly body: unknown
}

export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly timeoutMs: number
}

/** HTTP with a bound on everything: time, size, no redirects, no host outside the reach. Throws `CloudError` alone. */
export interface Wire {
  ask(ask: WireRequest, signal: AbortSignal): Promise<Answer>
  close(): Promise<void>
}

const maxBytes = 32 * 1024 * 1024

/** `verify: false` only by a `clouds.yaml` that says so. */
export function openWire(options: {
  readonly reach: BackendReach
  readonly ca?: string
  readonly verify: boolean
}): Wire {
  const { reach, ca, verify } = options
  const agent = new Agent({
    connect: connectWithin(reach, {
      timeout: 10_000,
      rejectUnauthorized: verify,
      ...(ca === undefined ? {} : { ca }),
    }),
    connections: 32,
    // Below what the services keep a silent connection for, so that none is used just as it is cut.
    keepAliveTimeout: 4_000,
    // The call's own time bounds them all.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return {
    async ask(ask, signal) {
      const timeout = AbortSignal.timeout(ask.timeoutMs)
      try {
        signal.throwIfAborted()
        const both = AbortSignal.any([signal, timeout])
        // The library does not look at the signal while it still makes the connection.
        return await untilAborted(exchange(agent, ask, both), both)
      } catch (error) {
        if (signal.aborted) throw new CloudError(null, 'cancelled')
        if (timeout.aborted) throw new CloudError(null, `no answer within ${ask.timeoutMs} ms`)
        if (error instanceof CloudError) throw error
        throw new CloudError(null, `unreachable (${codeOf(error)})`)
      }
    },
    close: () => agent.destroy(),
  }
}

async function exchange(dispatcher: Agent, ask: WireRequest, signal: AbortSignal): Promise<Answer> {
  const response = await request(ask.url, {
    dispatcher,
    signal,
    method: ask.method,
    headers: { accept: 'application/json', ...(ask.body === undefined ? {} : json), ...ask.headers },
    ...(ask.body === undefined ? {} : { body: JSON.stringify(ask.body) }),
  })
  const text = (await readAll(response.body, maxBytes, tooLarge)).toString()
  const header = (name: string) => {
    const value = response.headers[name]
    return (Array.isArray(value) ? value[0] : value) ?? null
  }
  return { status: response.statusCode, header, body: parsed(text) }
}

const json = { 'content-type': 'application/json' }

const tooLarge = () => new CloudError(null, 'an answer that is too large')

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}

/** The short word of the system or the library; never its sentence. */
function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,40}$/.test(code) ? code : 'no code'
}
