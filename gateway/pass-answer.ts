import type { IncomingMessage, ServerResponse } from 'node:http'
import { looseName } from './hop-by-hop.ts'
import { pump } from './pump.ts'
import { headersOf } from './raw-headers.ts'
import { framingOf } from './request-headers.ts'
import type { Framing } from './request-headers.ts'
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
  const passed = responseHeaders(answer.rawHeaders, back)
  const headers = mayHaveTrailers(request, status, framing) ? passed : withoutTrailer(passed)
  if (framing.kind === 'unsupported' || status < 200 || status > 599 || !headers.every(isHeaderText)) return false
  if (framing.kind === 'length' && status !== 204) headers.push('Content-Length', framing.length)
  // The rest of an upload that the session did not wait for is nobody's.
  if (!request.complete) headers.push('Connection', 'close')
  try {
    response.writeHead(status, headers)
  } catch {
    // Whatever else cannot be written: a session's answer is never the end of this process.
    return false
  }
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
      const trailers = trailersOf(answer.rawTrailers).filter(([, value]) => !back.isTold(value))
      if (trailers.length > 0) response.addTrailers(trailers)
      whenRead(request, () => response.end())
    },
  })
  return true
}

/** Whether the answer goes on in chunks, which alone are followed by trailers. */
const mayHaveTrailers = ({ method, httpVersion }: IncomingMessage, status: number, framing: Framing): boolean =>
  framing.kind === 'chunked' && httpVersion === '1.1' && method !== 'HEAD' && status !== 204 && status !== 304

/** Trailers that are announced where none can follow are refused by the library, with an exception. */
const withoutTrailer = (headers: readonly string[]): string[] =>
  [...headersOf(headers)].filter(([name]) => looseName(name) !== 'trailer').flat()

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
