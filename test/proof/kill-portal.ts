import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

export type Asked = 'create' | 'stop' | 'read' | 'list' | 'connect' | 'replay' | 'follow'

/** One call of the api and what came of it. */
export interface Answer {
  readonly asked: Asked
  readonly session: string | null
  readonly from: number
  readonly to: number
  /** Null: no answer came, for the reason in `lost`. */
  readonly status: number | null
  readonly lost: string | null
  readonly code: string | null
  readonly saysWhenAgain: boolean
  readonly body: Readonly<Record<string, unknown>>
}

const answerLimitMs = 60_000
/** A portal gives up on a wish after this long; that it had to is a breach. */
const patienceMs = 120_000
const againMs = 250

export type Portal = ReturnType<typeof createPortal>

/**
 * A portal as a good one is: it repeats what was not answered, or was answered with 503, with the same idempotency key. It
 * remembers every answer.
 */
export function createPortal({
  apiUrl,
  token,
  templateId,
}: {
  readonly apiUrl: string
  readonly token: string
  /** Of every session, or by its key. */
  readonly templateId: string | ((key: string) => string)
}) {
  const answers: Answer[] = []
  const givenUp: string[] = []

  const call = async (
    asked: Asked,
    session: string | null,
    method: string,
    path: string,
    more: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answer> => {
    const from = Date.now()
    const keep = (came: Pick<Answer, 'status' | 'lost' | 'code' | 'saysWhenAgain' | 'body'>) => {
      const answer = { asked, session, from, to: Date.now(), ...came }
      answers.push(answer)
      return answer
    }
    try {
      const response = await fetch(`${apiUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...more.headers },
        signal: AbortSignal.timeout(answerLimitMs),
        ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
      })
      const text = await response.text()
      const body = documentOf(text)
      const code = typeof body['code'] === 'string' ? body['code'] : null
      const saysWhenAgain = response.headers.get('retry-after') !== null
      return keep({ status: response.status, lost: null, code, saysWhenAgain, body })
    } catch (error) {
      return keep({ status: null, lost: reasonOf(error), code: null, saysWhenAgain: false, body: {} })
    }
  }

  /** Repeats until there is an answer that is not 503. Null: none came in all the time there was. */
  const insist = async (what: string, once: () => Promise<Answer>): Promise<Answer | null> => {
    const deadline = Date.now() + patienceMs
    while (Date.now() < deadline) {
      const answer = await once()
      if (answer.status !== null && answer.status !== 503) return answer
      await delay(againMs)
    }
    givenUp.push(`${what} was not answered within ${patienceMs} ms`)
    return null
  }

  const create = async (asked: Asked, session: string, key: string): Promise<string | null> => {
    const answer = await insist(
      `${asked} ${session}`,
      async () =>
        await call(asked, session, 'POST', '/v1/sessions', {
          // Named by its key: a repeat must ask for the very same.
          body: { templateId: typeof templateId === 'string' ? templateId : templateId(key), name: key },
          headers: { 'idempotency-key': key, prefer: 'wait=1' },
        }),
    )
    const id = answer?.body['id']
    return typeof id === 'string' ? id : null
  }

  return {
    answers,
    /** The wishes that no answer came to in all the time there was. */
    givenUp,
    key: () => randomUUID(),
    /** Until it is answered: the session's id, null where it was refused. */
    create: async (session: string, key: string) => await create('create', session, key),
    /** The same wish once more: it must mean the same session. */
    replay: async (session: string, key: string) => await create('replay', session, key),
    /** Until it is answered. */
    stop: async (session: string, id: string) =>
      await insist(`stop ${session}`, async () => await call('stop', session, 'DELETE', `/v1/sessions/${id}`)),
    /** Once. */
    read: async (session: string, id: string) => await call('read', session, 'GET', `/v1/sessions/${id}`),
    /** Once. */
    list: async () => await call('list', null, 'GET', '/v1/sessions?limit=200'),
    /** Once: what happened to all sessions after this event, or from the beginning. */
    follow: async (after: string | null) =>
      await call(
        'follow',
        null,
        'GET',
        `/v1/events?limit=200${after === null ? '' : `&after=${encodeURIComponent(after)}`}`,
      ),
    /** Opens the session's door and looks through it. What is behind it, or why it could not be seen. */
    async look(session: string, id: string): Promise<string> {
      const body = { door: 'web', mode: 'control' }
      const answer = await insist(
        `connect ${session}`,
        async () => await call('connect', session, 'POST', `/v1/sessions/${id}/connections`, { body }),
      )
      const url = answer?.body['url']
      if (typeof url !== 'string') return `it has no door: ${answer?.status ?? 'no answer'} ${answer?.code ?? ''}`
      return await fetch(url, { signal: AbortSignal.timeout(10_000) }).then(
        async (response) => (response.ok ? 'here' : `it answers ${response.status} (${await response.text()})`),
        (error: unknown) => `it does not answer: ${reasonOf(error)}`,
      )
    },
  }
}

/** Every answer of the api with a body is a JSON object; what is none is kept as what it is. */
function documentOf(text: string): Record<string, unknown> {
  try {
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    return { code: `not JSON: ${text.slice(0, 80)}` }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'timeout'
  const { cause } = error
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message
  return error.message
}
