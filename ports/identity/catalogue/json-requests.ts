import { Agent } from 'undici'

/** The catalogue did not answer as agreed. The message is our own, and short. */
export class CatalogueFailure extends Error {
  /** What it answered in place of 200; `null`: nothing, or something that is not as agreed. */
  readonly status: number | null

  constructor(message: string, status: number | null = null) {
    super(message)
    this.name = 'CatalogueFailure'
    this.status = status
  }
}

export interface JsonRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

/** Sends requests to one system; each is bounded in time and size, and follows no redirect. Throws `CatalogueFailure` alone. */
export type SendJson = (request: JsonRequest, signal: AbortSignal) => Promise<unknown>

export const usualTimeoutMs = 5_000
const usualBytes = 16 * 1024 * 1024

export function createJsonRequests(timeoutMs: number = usualTimeoutMs, maxBytes: number = usualBytes): SendJson {
  const agent = new Agent({ connections: 8, headersTimeout: 0, bodyTimeout: 0, maxResponseSize: maxBytes })
  return async ({ method, url, headers = {}, body }, signal) => {
    const both = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    try {
      const answer = await agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: {
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: both,
      })
      if (answer.statusCode !== 200) {
        await answer.body.dump({ limit: 64 * 1024, signal: both })
        throw new CatalogueFailure(`It answered ${answer.statusCode}.`, answer.statusCode)
      }
      return parsed(await answer.body.text())
    } catch (error) {
      if (error instanceof CatalogueFailure) throw error
      signal.throwIfAborted()
      throw new CatalogueFailure(
        both.aborted ? `It did not answer within ${timeoutMs} ms.` : 'It could not be reached.',
      )
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CatalogueFailure('Its answer is no JSON.')
  }
}
