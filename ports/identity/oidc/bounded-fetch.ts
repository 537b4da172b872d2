/** An answer was larger than it may be, or was to be had by a way that is not taken. */
export class Unfit extends Error {
  override readonly name = 'Unfit'
}

export interface Bounds {
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Development only. */
  readonly plainHttp: boolean
}

interface Asked {
  readonly method?: string
  readonly headers?: Headers | Record<string, string>
  readonly body?: unknown
  readonly signal?: AbortSignal | null | undefined
}

/**
 * Asks once, within its time and for the whole answer, reads no more than may be said, follows no redirect, and goes by https alone.
 * Rejects with `Unfit`, or with what the network says.
 */
export type BoundedFetch = (url: string, asked: Asked) => Promise<Response>

export function createBoundedFetch({ timeoutMs, maxBytes, plainHttp }: Bounds): BoundedFetch {
  return async (url, asked) => {
    const { protocol } = new URL(url)
    if (protocol !== 'https:' && !(plainHttp && protocol === 'http:')) throw new Unfit('its address is not https')
    const signals = [AbortSignal.timeout(timeoutMs), ...(asked.signal ? [asked.signal] : [])]
    const answer = await fetch(url, {
      method: asked.method ?? 'GET',
      headers: new Headers(asked.headers),
      redirect: 'manual',
      signal: AbortSignal.any(signals),
      // What the libraries send: a form, or nothing.
      ...(asked.body === undefined || asked.body === null ? {} : { body: asked.body as URLSearchParams }),
    })
    if (answer.status >= 300 && answer.status < 400) {
      await answer.body?.cancel()
      throw new Unfit('it redirects')
    }
    const bytes = await read(answer, maxBytes)
    const headers = new Headers(answer.headers)
    for (const name of ['content-encoding', 'content-length', 'transfer-encoding']) headers.delete(name)
    const isBare = answer.status === 204 || answer.status === 205
    return new Response(isBare ? null : bytes, { status: answer.status, headers })
  }
}

async function read(answer: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (answer.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop ends the connection.
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > maxBytes) throw new Unfit(`it answers more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}
