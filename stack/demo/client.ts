import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { z } from 'zod'

const id = z.string().min(1)
const session = z.object({ id, state: z.string(), reason: z.string().nullish(), reasonText: z.string().nullish() })
const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) })
const problem = z.object({ code: z.string(), title: z.string().optional(), detail: z.string().optional() })
const line = z.object({ type: z.string(), data: z.record(z.string(), z.unknown()).default({}) })

export type Session = z.output<typeof session>
/** One line of a session's history. Types that this client does not know are passed on. */
export type SessionEvent = z.output<typeof line>

/** The API said no: its code and its sentence. */
export class Refused extends Error {
  readonly code: string
  constructor(status: number, code: string, sentence: string) {
    super(`the API answered ${status} ${code}: ${sentence}`)
    this.name = 'Refused'
    this.code = code
  }
}

const callLimitMs = 30_000
const maxBytes = 1024 * 1024
/** The API says something on every stream at least every 15 s. */
const silenceMs = 45_000

/** A client of the API like any other: HTTP, SSE and a bearer token, and nothing else. */
export function createClient({ apiUrl, token }: { readonly apiUrl: string; readonly token: string }) {
  const headers = { authorization: `Bearer ${token}` }

  async function call<T>(method: string, path: string, shape: z.ZodType<T>, body?: object): Promise<T> {
    const creating = method === 'POST' ? { 'idempotency-key': randomUUID(), prefer: 'wait=10' } : {}
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: { ...headers, ...creating, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(callLimitMs),
      ...sent,
    })
    const text = await response.text()
    if (text.length > maxBytes) throw new Error('the API answered with too much')
    const answer: unknown = text === '' ? undefined : JSON.parse(text)
    if (response.ok) return shape.parse(answer)
    const said = problem.safeParse(answer)
    throw new Refused(response.status, said.data?.code ?? 'unknown', said.data?.detail ?? said.data?.title ?? '')
  }

  async function* stream(sessionId: string, after: string | undefined, signal: AbortSignal) {
    const silence = new AbortController()
    const watch = setTimeout(() => silence.abort(new Error('the stream fell silent')), silenceMs)
    const resume = after === undefined ? {} : { 'last-event-id': after }
    try {
      const response = await fetch(`${apiUrl}/v1/sessions/${sessionId}/events`, {
        headers: { ...headers, accept: 'text/event-stream', ...resume },
        signal: AbortSignal.any([signal, silence.signal]),
      })
      if (!response.ok || response.body === null) throw new Error(`the API answered ${response.status}`)
      const comments = { onComment: () => watch.refresh() }
      const parsed = response.body
        .pipeThrough(new TextDecoderStream())
        .pipeThrough(new EventSourceParserStream(comments))
      for await (const message of parsed) {
        watch.refresh()
        yield message
      }
    } finally {
      clearTimeout(watch)
    }
  }

  return {
    createProject: (name: string) => call('POST', '/v1/projects', z.object({ id }), { name }),
    async findTemplate(name: string): Promise<{ id: string }> {
      const templates = await call('GET', '/v1/templates', page(z.object({ id, name: z.string() })))
      const found = templates.items.find((template) => template.name === name)
      if (found === undefined) throw new Error(`there is no template ${name}`)
      return found
    },
    createSession: (ask: { templateId: string; projectId: string; name: string }) =>
      call('POST', '/v1/sessions', session, ask),
    getSession: (sessionId: string) => call('GET', `/v1/sessions/${sessionId}`, session),
    liveSessions: async () => (await call('GET', '/v1/sessions?limit=200', page(session))).items,
    stopSession: (sessionId: string) => call('DELETE', `/v1/sessions/${sessionId}`, z.unknown()),
    connect: (sessionId: string, door: string) =>
      call('POST', `/v1/sessions/${sessionId}/connections`, z.object({ url: z.string() }), { door, mode: 'control' }),
    /** The session's whole history and what comes, for ever: a broken stream is taken up where it broke. */
    async *events(sessionId: string, signal: AbortSignal): AsyncGenerator<SessionEvent> {
      let last: string | undefined
      while (!signal.aborted) {
        try {
          for await (const message of stream(sessionId, last, signal)) {
            last = message.id ?? last
            yield eventOf(message)
          }
        } catch (error) {
          if (signal.aborted) return
          if (error instanceof z.ZodError) throw error
        }
        await delay(500)
      }
    },
  }
}
export type CarrelClient = ReturnType<typeof createClient>

/** An event's data is the line itself, or the line's data under the event's name. */
function eventOf(message: { event?: string | undefined; data: string }): SessionEvent {
  const data: unknown = JSON.parse(message.data)
  const whole = line.safeParse(data)
  return whole.success ? whole.data : line.parse({ type: message.event ?? 'message', data })
}
