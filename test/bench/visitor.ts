import { randomUUID } from 'node:crypto'
import { personCookie } from '../support/oidc/identity-provider.ts'
import { exchangeGrant, form, signInAtPortal, typeOf } from '../support/oidc/portal.ts'
import { createTestBrowser } from '../support/oidc/test-browser.ts'

/** One request to the api, as its caller saw it. */
export interface Heard {
  /** Method and path, with `{id}` for every id. */
  readonly call: string
  readonly status: number
  /** From the request to the last byte of the answer. */
  readonly ms: number
}

/** How somebody comes: by the browser's own cookie, or through a portal that exchanges their token, or that acts for them. */
export type Way = 'browser' | 'exchange' | 'portal'

/** Where people come to. */
export interface Place {
  /** The api. */
  readonly url: string
  readonly issuer: string
  /** With which the portal acts for the people of this issuer. */
  readonly portalToken: string
}

/** Somebody at a portal. */
export interface Visitor {
  /** All the way. @throws where that leads elsewhere */
  signIn(): Promise<void>
  signOut(): Promise<void>
  /** Asks in their name. @throws where the answer is no success */
  ask(method: string, path: string, body?: object): Promise<Record<string, unknown>>
}

/** Who somebody is, once they have signed in, in the headers of each request. */
interface Entrance {
  signIn(): Promise<Readonly<Record<string, string>>>
  signOut(): Promise<void>
}
type Send = (request: Request) => Promise<Response>

/** `hear` is told of each request to the api, and of none to the issuer. */
export function createVisitor(
  place: Place,
  person: string,
  way: Way,
  hear: (heard: Heard) => void = () => undefined,
): Visitor {
  const { url } = place
  const send: Send = async (request) => {
    const began = performance.now()
    const response = await fetch(request, { signal: AbortSignal.timeout(answerWithinMs) })
    const bytes = await response.arrayBuffer()
    const call = `${request.method} ${patternOf(new URL(request.url).pathname)}`
    hear({ call, status: response.status, ms: performance.now() - began })
    return new Response(bytes.byteLength === 0 ? null : bytes, response)
  }
  const browser = createTestBrowser({ [url]: send })
  browser.setCookie(place.issuer, personCookie, person)
  let who: Readonly<Record<string, string>> = {}

  async function ask(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const key = { 'idempotency-key': randomUUID(), prefer: 'respond-async' }
    const its: Record<string, string> = method === 'POST' ? key : method === 'PUT' ? { 'if-match': '*' } : {}
    const headers = { ...who, ...its }
    const answer = await browser.send(method, `${url}${path}`, { ...(body === undefined ? {} : { body }), headers })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    // Every answer of the api with a body is a JSON object.
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  }

  const entrances: Readonly<Record<Way, Entrance>> = {
    browser: {
      async signIn() {
        const { url: last } = await browser.visit(`${url}/v1/sign-in/university`)
        if (last.searchParams.get('signIn') !== 'done') throw new Error(`signing in led to ${last.href}`)
        return {}
      },
      async signOut() {
        await ask('POST', '/v1/sign-out', {})
      },
    },
    exchange: {
      async signIn() {
        const { idToken } = await signInAtPortal(place.issuer, person)
        const fields = { grant_type: exchangeGrant, subject_token: idToken, subject_token_type: typeOf('id_token') }
        const body = new URLSearchParams(fields).toString()
        const answer = await send(new Request(`${url}/v1/token`, { method: 'POST', headers: form, body }))
        const given = (await answer.json()) as Record<string, unknown>
        if (!answer.ok) throw new Error(`a token was not exchanged: ${JSON.stringify(given)}`)
        return { authorization: `Bearer ${String(given['access_token'])}` }
      },
      // Its token is forgotten.
      signOut: () => Promise.resolve(),
    },
    portal: {
      async signIn() {
        const authorization = `Bearer ${place.portalToken}`
        who = { authorization }
        const { id } = await ask('POST', '/v1/vouched-accounts', { subject: person, displayName: person })
        return { authorization, 'carrel-on-behalf-of': String(id) }
      },
      signOut: () => Promise.resolve(),
    },
  }
  const entrance = entrances[way]
  return {
    ask,
    async signIn() {
      who = await entrance.signIn()
    },
    async signOut() {
      await entrance.signOut()
      who = {}
    },
  }
}

const answerWithinMs = 60_000

/** An id has digits, and is longer than every word of a path that has one. */
const patternOf = (path: string) => path.replace(/\/(?=[a-z0-9]*\d)[a-z][a-z0-9]{12,}(?=\/|$)/g, '/{id}')
