import { Agent } from 'undici'

/** What was answered; its body is read only of a 200, and `null` where it is no JSON. `away`: it was not, in time and size. */
export type Posted =
  | { readonly kind: 'answered'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'away'; readonly detail: string }

export interface PostSettings {
  readonly timeoutMs: number
  /** After so many failures in a row nothing is sent for a while. */
  readonly failures: number
  readonly restMs: number
}

export const usualPostSettings: PostSettings = { timeoutMs: 5_000, failures: 5, restMs: 10_000 }

const maxBytes = 64 * 1024

/** Sends JSON to one address, each time once: no redirect is followed, and nothing of what is sent is ever said. */
export type PostJson = (body: object) => Promise<Posted>

export function createPost(
  address: string,
  headers: Readonly<Record<string, string>>,
  settings: PostSettings = usualPostSettings,
): PostJson {
  const { origin, pathname, search } = new URL(address)
  const agent = new Agent({ connections: 8, headersTimeout: 0, bodyTimeout: 0, maxResponseSize: maxBytes })
  let failed = 0
  let restsUntil = 0

  async function send(body: object): Promise<Posted> {
    const signal = AbortSignal.timeout(settings.timeoutMs)
    try {
      const answer = await agent.request({
        origin,
        path: `${pathname}${search}`,
        method: 'POST',
        headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal,
      })
      const text = await answer.body.text()
      const status = answer.statusCode
      // Whoever is in trouble says nothing of those who are asked about.
      if (status >= 500 || status === 429) return { kind: 'away', detail: `It answered ${status}.` }
      return { kind: 'answered', status, body: status === 200 ? parsed(text) : null }
    } catch {
      const detail = signal.aborted ? `It did not answer within ${settings.timeoutMs} ms.` : 'It could not be reached.'
      return { kind: 'away', detail }
    }
  }

  return async (body) => {
    if (failed >= settings.failures && Date.now() < restsUntil)
      return { kind: 'away', detail: 'It did not answer lately, and is left alone for a while.' }
    const posted = await send(body)
    failed = posted.kind === 'away' ? failed + 1 : 0
    if (posted.kind === 'away') restsUntil = Date.now() + settings.restMs
    return posted
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
