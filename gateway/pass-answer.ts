import type { IncomingMessage, ServerResponse } from 'node:http'
import { pump } from './pump.ts'
import { framingOf } from './request-headers.ts'
import { isHeaderText, responseHeaders, trailersOf } from './response-headers.ts'
import type { Backward } from './response-headers.ts'

/** What the session did not wait for is read for so long, so that its browser gets to the answer. */
const lingerMs = 2_000
/** A browser that takes nothing of what waits for it for so long is gone. */
const stallMs = 300_000

/**
 * Passes a session's answer back as it comes: headers at once, then the body, then trailers. One that breaks off is broken off.
 * `false`: it cannot be passed on, and nothing was.
 */
export function passAnswer(
  request: IncomingMessage,
  answer: IncomingMessage,
  response: ServerResponse,
  back: Backward,
  sent: (bytes: number) => void,
): boolean {
  const framing = framingOf(answer.rawHeaders)
  const status = answer.statusCode ?? 0
  const headers = responseHeaders(answer.rawHeaders, back)
  if (framing.kind === 'unsupported' || status < 200 || status > 599 || !headers.every(isHeaderText)) return false
  if (framing.kind === 'length' && status !== 204) headers.push('Content-Length', framing.length)
  // The rest of an upload that the session did not wait for is nobody's.
  if (!request.complete) headers.push('Connection', 'close')
  response.writeHead(status, headers)
  // A stream of events is open before its first event.
  setImmediate(() => response.headersSent && !response.writableEnded && flush(response))
  answer.once('aborted', () => response.destroy())
  answer.once('error', () => response.destroy())
  pump(answer, response, {
    passed: sent,
    stallMs,
    watch: 'departure',
    stalled: () => response.destroy(),
    ended: () => {
      const trailers = trailersOf(answer.rawTrailers)
      if (trailers.length > 0) response.addTrailers(trailers)
      whenRead(request, () => response.end())
    },
  })
  return true
}

function whenRead(request: IncomingMessage, then: () => void): void {
  if (request.complete) return then()
  const once = () => {
    clearTimeout(timer)
    request.off('end', once)
    then()
  }
  const timer = setTimeout(once, lingerMs)
  request.once('end', once)
  request.resume()
}

const flush = (response: ServerResponse) => response.flushHeaders()
