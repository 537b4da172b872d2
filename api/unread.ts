import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Problem, problemAnswer } from './problem.ts'

/** What a request is answered that never became one: Node, or its adapter, could not read it. */
export function problemOfUnread(error: Error): Problem {
  switch ('code' in error ? error.code : null) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Problem('request_timeout', 'The request did not arrive in time.')
    case 'HPE_HEADER_OVERFLOW':
      return new Problem('headers_too_large', 'The headers of the request are larger than is taken here.')
    default:
      return new Problem('malformed_request', 'The request could not be read.')
  }
}

/** Answers on a connection whose request is none, and closes it. */
export function answerUnread(error: Error, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy()
  const { status, text, headers } = unread(error)
  const all = { ...headers, 'Content-Length': String(Buffer.byteLength(text)), Connection: 'close' }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${text}`)
}

/** The same as a response, for what the adapter refuses. */
export function refuseUnread(error: unknown): Response {
  const { status, text, headers } = unread(error instanceof Error ? error : new Error('unknown'))
  return new Response(text, { status, headers })
}

function unread(error: Error) {
  const requestId = randomUUID()
  const { status, text, headers } = problemAnswer(problemOfUnread(error), requestId)
  return { status, text, headers: { ...headers, 'Cache-Control': 'no-store', 'X-Request-Id': requestId } }
}
