import { randomUUID } from 'node:crypto'
import { personCookie } from '../support/oidc/identity-provider.ts'
import { createTestBrowser } from '../support/oidc/test-browser.ts'

/** One request to the api, as its caller saw it. */
export interface Heard {
  /** Method and path, with `{id}` for every id. */
  readonly call: string
  readonly status: number
  /** From the request to the last byte of the answer. */
  readonly ms: number
}

/** Somebody at a portal whose pages are of the api's own origin: a browser with a cookie. */
export interface Visitor {
  /** Signs in with the issuer, all the way. @throws where that leads elsewhere */
  signIn(): Promise<void>
  /** Asks in their name. @throws where the answer is no success */
  ask(method: string, path: string, body?: object): Promise<Record<string, unknown>>
}

/** `hear` is told of each request to the api, and of none to the issuer. */
export function createVisitor(
  url: string,
  issuer: string,
  person: string,
  hear: (heard: Heard) => void = () => undefined,
): Visitor {
  const browser = createTestBrowser({
    [url]: async (request) => {
      const began = performance.now()
      const response = await fetch(request, { signal: AbortSignal.timeout(answerWithinMs) })
      const bytes = await response.arrayBuffer()
      const call = `${request.method} ${patternOf(new URL(request.url).pathname)}`
      hear({ call, status: response.status, ms: performance.now() - began })
      return new Response(bytes.byteLength === 0 ? null : bytes, response)
    },
  })
  browser.setCookie(issuer, personCookie, person)
  return {
    async signIn() {
      const { url: last } = await browser.visit(`${url}/v1/sign-in/university`)
      if (last.searchParams.get('signIn') !== 'done') throw new Error(`signing in led to ${last.href}`)
    },
    async ask(method, path, body) {
      const key = { 'idempotency-key': randomUUID(), prefer: 'respond-async' }
      const headers: Record<string, string> = method === 'POST' ? key : method === 'PUT' ? { 'if-match': '*' } : {}
      const answer = await browser.send(method, `${url}${path}`, { ...(body === undefined ? {} : { body }), headers })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
      // Every answer of the api with a body is a JSON object.
      return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
    },
  }
}

const answerWithinMs = 60_000

/** An id has digits, and is longer than every word of a path that has one. */
const patternOf = (path: string) => path.replace(/\/(?=[a-z0-9]*\d)[a-z][a-z0-9]{12,}(?=\/|$)/g, '/{id}')
