/** One request to a web application, below `api/`. */
export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD'
  /** Its parts are encoded by whoever names them. */
  readonly path: string
  readonly token?: string
  readonly json?: unknown
  readonly form?: Readonly<Record<string, string>>
  /** 1 MiB by default. */
  readonly maxBytes?: number
}
/** `body` is parsed JSON, or null where the answer held none. */
export interface Reply {
  readonly status: number
  readonly body: unknown
}

/** No answer that can be used. What the request did is unknown; `reached: false` only where nothing was listening. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly kind: 'lost' | 'late' | 'cancelled' | 'too_large'
  constructor(kind: WireError['kind'], detail: string) {
    super(detail)
    this.kind = kind
  }
}

/** Sends requests to one web application, each bounded in time and size; follows no redirect. Throws `WireError` alone. */
export type Wire = (request: WireRequest, signal: AbortSignal) => Promise<Reply>

export function createWire(baseUrl: string, timeoutMs: number): Wire {
  return async ({ method, path, token, json, form, maxBytes = 1024 * 1024 }, signal) => {
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      signal.throwIfAborted()
      const answer = await fetch(new URL(`api/${path}`, baseUrl), {
        method,
        redirect: 'manual',
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { 'guacamole-token': token }),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: form === undefined ? (json === undefined ? null : JSON.stringify(json)) : new URLSearchParams(form),
        signal: AbortSignal.any([signal, timeout]),
      })
      const text = await readAll(answer, maxBytes)
      return { status: answer.status, body: parsed(answer, text) }
    } catch (error) {
      if (error instanceof WireError) throw error
      if (signal.aborted) throw new WireError('cancelled', 'cancelled')
      if (timeout.aborted) throw new WireError('late', `no answer within ${timeoutMs} ms`)
      throw new WireError('lost', 'the connection failed')
    }
  }
}

async function readAll(answer: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    const bytes = Buffer.from(chunk as Uint8Array) // a body yields bytes
    chunks.push(bytes)
    size += bytes.length
    if (size > maxBytes) throw new WireError('too_large', `an answer of more than ${maxBytes} bytes`)
  }
  return Buffer.concat(chunks).toString()
}

/** Errors of the servlet container are pages, malformed JSON is answered in plain text: neither is looked into. */
function parsed(answer: Response, text: string): unknown {
  if (answer.headers.get('content-type')?.startsWith('application/json') !== true) return null
  try {
    return JSON.parse(text || 'null') as unknown
  } catch {
    return null
  }
}
