import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { answerOf, send, wantsPage } from './answer.ts'
import type { ReportDoor } from './door-reports.ts'
import type { Figures } from './figures.ts'
import { isInput } from './inputs.ts'
import type { NoteInput } from './inputs.ts'
import type { LiveConnection } from './live.ts'
import { onward } from './onward.ts'
import type { Onward, OnwardDeps, Visit } from './onward.ts'
import { notices } from './pages/notices.ts'
import { passAnswer } from './pass-answer.ts'
import { pump } from './pump.ts'
import { framingOf } from './request-headers.ts'
import type { Framing } from './request-headers.ts'
import { trailersOf } from './response-headers.ts'
import type { Place, Target } from '../platform/target.ts'
import type { Tunnels } from './tunnels.ts'
import { failureOf, UpstreamFailed } from './upstream.ts'
import type { Upstream } from './upstream.ts'

export interface ProxyDeps extends OnwardDeps {
  readonly upstream: Upstream
  readonly tunnels: Tunnels
  readonly figures: Figures
  readonly report: ReportDoor
  readonly noteInput: NoteInput
  /** Where a session is, asked anew for each connection. */
  readonly locate: (place: Place) => Promise<Target>
  /** From the end of a request to the first byte of its answer, ms. */
  readonly firstByteMs: number
  /** How long an upload may stand still, ms. */
  readonly idleMs: number
}

export type ProxyHttp = (
  request: IncomingMessage,
  response: ServerResponse,
  visit: Visit,
  continues: boolean,
) => Promise<void>

/** A session that says nothing about `100-continue` gets the body after so long. */
const continueMs = 2_000
const bodyless = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Passes a request on to its session and the answer back, each as it comes. `continues`: the caller waits for `100 Continue` before
 * it sends the body; it is the session's to say. Whoever goes away first, the other side ends too.
 */
export function createProxyHttp(deps: ProxyDeps): ProxyHttp {
  const refuse = (request: IncomingMessage, response: ServerResponse, code: keyof typeof notices) => {
    deps.figures.answered(code)
    const page = wantsPage(request.method, request.rawHeaders)
    if (response.headersSent) response.destroy()
    else send(request, response, answerOf(notices[code], page, deps.frameAncestors))
  }

  return async (request, response, visit, continues) => {
    const framing = framingOf(request.rawHeaders)
    if (framing.kind === 'unsupported') return refuse(request, response, 'not_implemented')
    const target = await deps.locate(visit.access)
    if (target.kind !== 'address') return refuse(request, response, 'unreachable')
    if (response.destroyed) return
    if (isInput(request.method ?? '', request.rawHeaders)) deps.noteInput(visit.access)
    const way = onward(visit, request.rawHeaders, target, deps)
    new Exchange({ deps, request, response, visit, framing, way, target, continues, refuse }).begin()
  }
}

interface ExchangeParts {
  readonly deps: ProxyDeps
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly visit: Visit
  readonly framing: Framing
  readonly way: Onward
  readonly target: Extract<Target, { kind: 'address' }>
  readonly continues: boolean
  readonly refuse: (request: IncomingMessage, response: ServerResponse, code: keyof typeof notices) => void
}

/** One request and its answer. */
class Exchange {
  readonly #parts: ExchangeParts
  readonly #connection: LiveConnection
  #asked: ClientRequest | null = null
  #firstByte: NodeJS.Timeout | null = null
  #isAnswered = false
  #isOver = false

  constructor(parts: ExchangeParts) {
    this.#parts = parts
    const { access, clientAddress } = parts.visit
    this.#connection = parts.deps.tunnels.begin({
      access,
      kind: 'stream',
      remoteAddress: clientAddress,
      cut: (reason) => {
        parts.deps.figures.cut(reason)
        this.#end()
        parts.response.destroy()
      },
    })
  }

  begin(): void {
    const { request, response, framing } = this.#parts
    response.once('close', () => this.#end())
    const repeatable = framing.kind === 'none' && bodyless.has(request.method ?? '')
    this.#ask(!repeatable, repeatable)
  }

  /** `again`: a kept connection that was closed just now may be replaced by another one, as nothing was done by the request. */
  #ask(fresh: boolean, again: boolean): void {
    const { deps, request, target, way, continues } = this.#parts
    const asked = deps.upstream.ask({
      ...target,
      method: request.method ?? 'GET',
      path: way.path,
      // A session that means to close takes no time to read what it answered early.
      headers: [...way.headers, ...this.#framingHeaders(), ...(fresh ? ['Connection', 'keep-alive'] : [])],
      fresh,
    })
    this.#asked = asked
    asked.on('error', (error) => {
      // Once there is an answer, its own end says how it went.
      if (this.#isOver || this.#isAnswered || this.#asked !== asked) return
      if (again && asked.reusedSocket && !(error instanceof UpstreamFailed)) this.#ask(true, false)
      else this.#fail(error)
    })
    asked.once('response', (answer) => this.#answered(asked, answer))
    // A session that changes protocols unasked says nothing that could be passed on.
    asked.once('upgrade', (_answer, socket) => {
      socket.destroy()
      this.#fail(new UpstreamFailed('bad_answer'))
    })
    if (continues) this.#whenContinued(asked)
    else this.#sendBody(asked)
  }

  #framingHeaders(): readonly string[] {
    const { framing, request, continues } = this.#parts
    const expect = continues ? ['Expect', '100-continue'] : []
    if (framing.kind === 'chunked') return [...expect, 'Transfer-Encoding', 'chunked']
    if (framing.kind === 'length') return [...expect, 'Content-Length', framing.length]
    return bodyless.has(request.method ?? '') ? [] : ['Content-Length', '0']
  }

  #whenContinued(asked: ClientRequest): void {
    const { response } = this.#parts
    let isTold = false
    const go = () => {
      clearTimeout(timer)
      if (isTold || this.#isOver || response.headersSent) return
      isTold = true
      response.writeContinue()
      this.#sendBody(asked)
    }
    const timer = setTimeout(go, continueMs)
    asked.once('continue', go)
    asked.once('close', () => clearTimeout(timer))
    asked.once('response', () => clearTimeout(timer))
  }

  #sendBody(asked: ClientRequest): void {
    const { request, deps, framing } = this.#parts
    if (framing.kind === 'none') {
      asked.end()
      this.#awaitFirstByte(asked)
      return
    }
    pump(request, asked, {
      passed: (bytes) => this.#connection.received(bytes),
      stallMs: deps.idleMs,
      watch: 'arrival',
      stalled: () => this.#standstill(),
      ended: () => {
        const trailers = trailersOf(request.rawTrailers)
        if (trailers.length > 0 && framing.kind === 'chunked') asked.addTrailers(trailers)
        asked.end()
        this.#awaitFirstByte(asked)
      },
    })
  }

  #awaitFirstByte(asked: ClientRequest): void {
    if (this.#isAnswered) return
    this.#firstByte = setTimeout(() => asked.destroy(new UpstreamFailed('timeout')), this.#parts.deps.firstByteMs)
  }

  #answered(asked: ClientRequest, answer: IncomingMessage): void {
    const { deps, response, request, visit, way } = this.#parts
    this.#isAnswered = true
    this.#clearFirstByte()
    if (this.#isOver) return void answer.destroy()
    deps.report(visit.access, 'ok')
    const isRead = passAnswer(request, answer, response, way.back, (bytes) => this.#connection.sent(bytes))
    if (!isRead) {
      asked.destroy()
      this.#fail(new UpstreamFailed('bad_answer'))
    }
  }

  #standstill(): void {
    const { request, response, refuse } = this.#parts
    refuse(request, response, 'request_timeout')
    this.#end()
  }

  #fail(error: unknown): void {
    const { deps, request, response, visit, refuse } = this.#parts
    const failure = failureOf(error)
    if (failure === 'unreachable') deps.report(visit.access, 'unreachable')
    refuse(request, response, failure)
    this.#end()
  }

  #clearFirstByte(): void {
    if (this.#firstByte !== null) clearTimeout(this.#firstByte)
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    const { deps } = this.#parts
    this.#clearFirstByte()
    this.#asked?.destroy()
    deps.figures.passed(this.#connection.bytesIn, this.#connection.bytesOut)
    deps.tunnels.end(this.#connection, 'left')
  }
}
