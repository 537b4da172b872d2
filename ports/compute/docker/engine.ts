import { IncomingMessage } from 'node:http'
import type Docker from 'dockerode'
import type { z } from 'zod'
import { readAll } from '../read-all.ts'
import { retryAfterMs } from '../retry-after.ts'
import { errorShape } from './shapes.ts'

/** What the daemon answered, or why it did not. `status: null`: nothing is known of what the call did. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly status: number | null
  /** How long it asks to be left alone, where it does. */
  readonly retryAfterMs: number | null
  constructor(status: number | null, detail: string, retryAfter: number | null = null) {
    super(detail.slice(0, 500))
    this.status = status
    this.retryAfterMs = retryAfter
  }
}

export interface Request {
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly body?: object
  readonly archive?: Buffer
  /** Beyond the caller's own signal; the engine's request timeout by default. */
  readonly timeoutMs?: number
}

/**
 * The Docker Engine API with a bound on everything: time, size and shape. Throws `EngineError` alone.
 * Paths are without query; ids and names in them must be clean.
 */
export interface Engine {
  json<T>(
    method: 'GET' | 'POST',
    path: string,
    schema: z.ZodType<T>,
    signal: AbortSignal,
    request?: Request,
  ): Promise<T>
  /** The status: 200, 201, 204, or 304 for "already so". */
  done(method: 'POST' | 'PUT' | 'DELETE', path: string, signal: AbortSignal, request?: Request): Promise<number>
  /** At most `maxBytes` of the answer; what is beyond is not read. */
  bytes(path: string, maxBytes: number, signal: AbortSignal, request?: Request): Promise<Buffer>
  /** The JSON lines of a long answer (pull, build), as they come. `timeoutMs` bounds the silence between two. */
  lines(path: string, signal: AbortSignal, request: Request): AsyncIterable<unknown>
}

const maxJsonBytes = 64 * 1024 * 1024
const maxLineBytes = 1024 * 1024
const maxErrorBytes = 64 * 1024
const successes = new Set<number | undefined>([200, 201, 204, 304])
/** The modem hands over every answer, also those that say no: what it makes of them has no headers and no bound. */
const anyStatus = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [100 + n, true]))

export function createEngine(docker: Docker, requestTimeoutMs: number): Engine {
  async function open(method: string, path: string, signal: AbortSignal, request: Request): Promise<IncomingMessage> {
    const answer = await dialled(method, path, signal, request)
    if (successes.has(answer.statusCode)) return answer
    const said = messageOf((await readAll(answer, maxErrorBytes, 'cut')).toString())
    throw new EngineError(answer.statusCode ?? null, said, retryAfterMs(answer.headers['retry-after']))
  }

  async function dialled(
    method: string,
    path: string,
    signal: AbortSignal,
    request: Request,
  ): Promise<IncomingMessage> {
    return await new Promise((resolve, reject) => {
      const dial = {
        // The modem takes a query only where the path ends in "?", and cuts that sign off again.
        path: `${path}?`,
        method,
        options: { _query: request.query ?? {}, _body: request.body ?? {} },
        ...(request.archive === undefined ? {} : { file: request.archive }),
        abortSignal: signal,
        isStream: true,
        statusCodes: anyStatus,
      }
      docker.modem.dial(dial, (error, answer) => {
        if (error !== null) reject(error)
        else if (answer instanceof IncomingMessage) resolve(answer)
        else reject(new Error('no HTTP answer'))
      })
    })
  }

  /** Runs one call under both signals, and turns whatever is thrown into an `EngineError`. */
  async function bounded<T>(
    signal: AbortSignal,
    { timeoutMs = requestTimeoutMs }: Request,
    run: (both: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      signal.throwIfAborted()
      return await run(AbortSignal.any([signal, timeout]))
    } catch (error) {
      if (signal.aborted) throw new EngineError(null, 'cancelled')
      if (timeout.aborted) throw new EngineError(null, `no answer within ${timeoutMs} ms`)
      throw toEngineError(error)
    }
  }

  return {
    json: (method, path, schema, signal, request = {}) =>
      bounded(signal, request, async (both) => {
        const body = await readAll(await open(method, path, both, request), maxJsonBytes, tooLarge)
        const parsed = schema.safeParse(JSON.parse(body.toString() || 'null'))
        if (!parsed.success) throw new EngineError(null, `an answer that is not understood at ${path}`)
        return parsed.data
      }),
    done: (method, path, signal, request = {}) =>
      bounded(signal, request, async (both) => {
        const answer = await open(method, path, both, request)
        await readAll(answer, maxJsonBytes, 'cut')
        return answer.statusCode ?? 0
      }),
    bytes: (path, maxBytes, signal, request = {}) =>
      bounded(signal, request, async (both) => await readAll(await open('GET', path, both, request), maxBytes, 'cut')),
    async *lines(path, signal, { timeoutMs = requestTimeoutMs, ...request }) {
      const silence = new AbortController()
      const timer = setTimeout(() => silence.abort(), timeoutMs)
      try {
        const answer = await open('POST', path, AbortSignal.any([signal, silence.signal]), request)
        let rest = ''
        for await (const chunk of answer.setEncoding('utf8')) {
          timer.refresh()
          const lines = (rest + String(chunk)).split('\n')
          rest = lines.pop() ?? ''
          if (rest.length > maxLineBytes) throw new EngineError(null, 'a line that is too long')
          for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as unknown
        }
        if (rest.trim() !== '') yield JSON.parse(rest) as unknown
      } catch (error) {
        if (signal.aborted) throw new EngineError(null, 'cancelled')
        if (silence.signal.aborted) throw new EngineError(null, `silent for ${timeoutMs} ms`)
        throw toEngineError(error)
      } finally {
        clearTimeout(timer)
        silence.abort()
      }
    },
  }
}

const tooLarge = () => new EngineError(null, 'an answer that is too large')

/** The daemon says why in `message`; whatever stands before it says what it likes. */
function messageOf(body: string): string {
  try {
    const { message } = errorShape.parse(JSON.parse(body))
    return message.trim()
  } catch {
    return body.trim()
  }
}

function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  if (!(error instanceof Error)) return new EngineError(null, 'unreachable')
  const { code } = error as { code?: string } // as Node makes them
  return new EngineError(null, `unreachable (${code ?? error.message})`)
}
