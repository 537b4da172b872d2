import type { Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import { persisting } from '../support/doors/chromium.ts'

interface Said {
  readonly status: number
  readonly body: Record<string, unknown>
}

interface Question {
  readonly method: string
  readonly path: string
  readonly body: object | null
  readonly key: string
}

/** Runs in a page of the api's own origin: its cookie says who asks. */
async function askFromPage({ method, path, body, key }: Question): Promise<{ status: number; text: string }> {
  const creates: Record<string, string> = method === 'POST' ? { 'idempotency-key': key } : { 'if-match': '*' }
  const json: Record<string, string> = body === null ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(path, {
    method,
    headers: method === 'GET' ? {} : { ...creates, ...json },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, text: await answer.text() }
}

/** Asks the api as a page of its own origin does. A request that the browser gave up is sent again, under the same key. */
export async function ask(page: Page, method: string, path: string, body: object | null = null): Promise<Said> {
  const question: Question = { method, path, body, key: crypto.randomUUID() }
  const { status, text } = await persisting(async () => await page.evaluate(askFromPage, question))
  // Every answer of the api with a body is a JSON object.
  return { status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
}

const withinMs = 60_000
const everyMs = 100

/** Waits until the session is ready. Returns its id. @throws where it ends instead, or is not in time */
export async function untilReady(page: Page, id: string): Promise<string> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const { body } = await ask(page, 'GET', `/v1/sessions/${id}`)
    if (body['state'] === 'ready') return id
    if (body['endedAt'] !== null || Date.now() > deadline) throw new Error(`it is ${JSON.stringify(body)}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** Runs in a door's page: reads what has no end of its own, and notes in the page that it began and that it was over. */
export function watchLive(): void {
  let live = 'asked'
  const note = (word: string) => void Object.assign(globalThis, { live: (live = word) })
  const read = async () => {
    const answer = await fetch('/live')
    const reader = answer.ok ? answer.body?.getReader() : undefined
    if (reader === undefined) throw new Error('there is nothing to read')
    while (!(await reader.read()).done) note('open')
  }
  const over = () => note(live === 'open' ? 'cut' : 'refused')
  void read().then(over, over)
}

/** Waits until a door's page has noted that. */
export const untilLive = async (page: Page, word: 'open' | 'cut'): Promise<void> =>
  await vi.waitFor(async () => expect(await page.evaluate('globalThis.live')).toBe(word), { timeout: withinMs })
