import { randomUUID } from 'node:crypto'
import { createParser } from 'eventsource-parser'
import type { Site } from './site.ts'

/** A caller as a portal is one: asks, and follows each session's stream of events. */
export interface Portal {
  templateId(name: string): Promise<string>
  /** Asks for a session without waiting for its decision. Returns its id. */
  create(templateId: string): Promise<string>
  remove(id: string): Promise<void>
  /** Waits for one of the states, or an end, as the session's stream tells it; returns which. At most 32 at a time. */
  until(id: string, states: readonly string[]): Promise<string>
  /** The state of each of the caller's sessions, by id. */
  states(): Promise<ReadonlyMap<string, string>>
}

const patienceMs = 15 * 60_000

export function createPortal({ url, user }: Pick<Site, 'url' | 'user'>): Portal {
  const headers = { authorization: `Bearer ${user.token}` }
  const ask = async (method: string, path: string, body?: unknown, more: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...more },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    // Every answer of the api with a body is a JSON object.
    return JSON.parse(text) as Record<string, unknown>
  }
  return {
    async templateId(name) {
      const { items } = await ask('GET', '/v1/templates')
      const found = (items as { id: string; name: string }[]).find((template) => template.name === name)
      if (found === undefined) throw new Error(`there is no template ${name}`)
      return found.id
    },
    async create(templateId) {
      const more = { 'idempotency-key': randomUUID(), prefer: 'respond-async' }
      return String((await ask('POST', '/v1/sessions', { templateId }, more))['id'])
    },
    async remove(id) {
      await ask('DELETE', `/v1/sessions/${id}`)
    },
    async states() {
      const states = new Map<string, string>()
      for (let cursor: string | null = ''; cursor !== null;) {
        const page = await ask('GET', `/v1/sessions?limit=200&ended=true${cursor === '' ? '' : `&cursor=${cursor}`}`)
        for (const { id, state } of page['items'] as { id: string; state: string }[]) states.set(id, state)
        // A page of the api ends with the cursor of the next, or null.
        cursor = page['nextCursor'] as string | null
      }
      return states
    },
    async until(id, states) {
      const control = new AbortController()
      const signal = AbortSignal.any([control.signal, AbortSignal.timeout(patienceMs)])
      const accept = { ...headers, accept: 'text/event-stream' }
      const response = await fetch(`${url}/v1/sessions/${id}/events`, { headers: accept, signal })
      let found: string | null = null
      const parser = createParser({
        onEvent({ event, data }) {
          if (event !== 'session.state') return
          const { state } = (JSON.parse(data) as { data: { state: string } }).data
          if (states.includes(state) || ended.includes(state)) found ??= state
        },
      })
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }))
        if (found !== null) break
      }
      control.abort()
      if (found === null) throw new Error(`the stream of ${id} ended before ${states.join(' or ')}`)
      return found
    },
  }
}

const ended: readonly string[] = ['stopped', 'failed', 'rejected']

/** One session from its wish to its end. */
export async function throughOnce(portal: Portal, templateId: string): Promise<void> {
  const id = await portal.create(templateId)
  await portal.until(id, ['ready'])
  await portal.remove(id)
  await portal.until(id, ['stopped'])
}
