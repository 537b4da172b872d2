import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { ownHeaders, renderPage } from './pages/layout.ts'
import type { Notice } from './pages/notices.ts'
import { valueOf } from './raw-headers.ts'
import type { RawHeaders } from './raw-headers.ts'
import { framingOf } from './request-headers.ts'

/** An answer that is Carrel's own, ready to be written. */
export interface OwnAnswer {
  readonly status: number
  /** Name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: string
}

/** A person waits for a page; a program for a document. */
export function wantsPage(method: string | undefined, raw: RawHeaders): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  const mode = valueOf(raw, 'sec-fetch-mode')
  return mode === undefined ? (valueOf(raw, 'accept') ?? '').includes('text/html') : mode === 'navigate'
}

/** A notice as a page or as a problem document. `more`: headers beside its own. */
export function answerOf(
  notice: Notice,
  page: boolean,
  frameAncestors: readonly string[],
  more: readonly string[] = [],
): OwnAnswer {
  const { status, code, title, sentences, retryAfterSeconds } = notice
  const rendered = page ? renderPage(notice, frameAncestors) : problemOf({ status, code, title, sentences })
  return {
    status,
    headers: [
      ...ownHeaders,
      ...rendered.headers,
      ...(retryAfterSeconds === undefined ? [] : ['Retry-After', String(retryAfterSeconds)]),
      ...more,
    ],
    body: rendered.html,
  }
}

const problemOf = ({ status, code, title, sentences }: Notice) => ({
  headers: ['Content-Type', 'application/problem+json'],
  html: JSON.stringify({ type: 'about:blank', title, status, code, detail: sentences.join(' ') }),
})

/** A document of Carrel's own for its own pages. */
export const jsonAnswer = (status: number, body: unknown, more: readonly string[] = []): OwnAnswer => ({
  status,
  headers: [...ownHeaders, 'Content-Type', 'application/json', ...more],
  body: JSON.stringify(body),
})

/** Sends it, once: nothing happens where an answer has begun. What is left of the request's body is not waited for. */
export function send(request: IncomingMessage, response: ServerResponse, answer: OwnAnswer): void {
  if (response.headersSent || response.destroyed) return
  const unread = framingOf(request.rawHeaders).kind !== 'none' && !request.readableEnded
  response.writeHead(answer.status, [
    ...answer.headers,
    'Content-Length',
    String(Buffer.byteLength(answer.body)),
    ...(unread ? ['Connection', 'close'] : []),
  ])
  response.end(request.method === 'HEAD' ? undefined : answer.body)
}

/** Who is told that it is over gets so long to hear it. */
const hearingMs = 1_000

/** The same on a connection that no response belongs to: it ends with it. */
export function sendRaw(socket: Duplex, { status, headers, body }: OwnAnswer): void {
  if (socket.destroyed || socket.writableEnded) return
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'Connection: close']
  for (let at = 0; at + 1 < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
  lines.push(`Content-Length: ${Buffer.byteLength(body)}`, '', body)
  socket.end(lines.join('\r\n'))
  // To close while something is unread would take the answer away again.
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), hearingMs)
  socket.once('close', () => clearTimeout(timer))
}
