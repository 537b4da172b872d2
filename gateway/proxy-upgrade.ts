import { STATUS_CODES } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { answerOf, sendRaw } from './answer.ts'
import type { LiveConnection } from './live.ts'
import { onward } from './onward.ts'
import type { Visit } from './onward.ts'
import { notices } from './pages/notices.ts'
import type { ProxyDeps } from './proxy-http.ts'
import { framingOf } from './request-headers.ts'
import { isHeaderText, responseHeaders } from './response-headers.ts'
import type { Backward } from './response-headers.ts'
import { splice } from './splice.ts'
import type { Splice } from './splice.ts'
import type { Opening } from './tunnels.ts'
import { failureOf, UpstreamFailed } from './upstream.ts'

export type ProxyUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, visit: Visit) => Promise<void>

const longestRefusal = 65_536
const keepAliveMs = 30_000
/** A browser that has not taken a session's refusal by then is gone. */
const takenMs = 10_000

/**
 * Passes a WebSocket on: the session's own 101 first, then bytes, untouched, in both directions. A session that does not want one
 * answers for itself.
 */
export function createProxyUpgrade(deps: ProxyDeps): ProxyUpgrade {
  const refuse = (socket: Duplex, code: keyof typeof notices) => {
    deps.figures.answered(code)
    sendRaw(socket, answerOf(notices[code], false, deps.frameAncestors))
  }

  return async (request, socket, head, visit) => {
    socket.on('error', () => socket.destroy())
    if (framingOf(request.rawHeaders).kind !== 'none') return refuse(socket, 'malformed_request')
    const target = await deps.locate(visit.access)
    if (target.kind !== 'address') return refuse(socket, 'unreachable')
    if (socket.destroyed) return
    let spliced: Splice | null = null
    const opening: Opening = {
      access: visit.access,
      kind: 'websocket',
      remoteAddress: visit.clientAddress,
      cut: (reason) => {
        deps.figures.cut(reason)
        if (spliced !== null) return spliced.cut(reason)
        left()
        socket.destroy()
      },
    }
    const connection = deps.tunnels.admit(opening)
    const left = () => deps.tunnels.end(connection, 'left')
    socket.once('close', left)
    const refused = (code: keyof typeof notices) => {
      left()
      refuse(socket, code)
    }
    const way = onward(visit, request.rawHeaders, target, deps)
    const asked = deps.upstream.ask({
      ...target,
      method: 'GET',
      path: way.path,
      headers: [...way.headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket'],
      fresh: true,
    })
    const givenUp = () => asked.destroy()
    socket.once('close', givenUp)
    const late = setTimeout(() => asked.destroy(new UpstreamFailed('timeout')), deps.firstByteMs)
    asked.once('close', () => clearTimeout(late))
    asked.on('error', (error) => {
      const failure = failureOf(error)
      if (failure === 'unreachable') deps.report(visit.access, 'unreachable')
      refused(failure)
    })
    asked.once('response', (answer) => {
      clearTimeout(late)
      deps.report(visit.access, 'ok')
      void passRefusal(answer, socket, way.back, left)
    })
    asked.once('upgrade', (answer: IncomingMessage, upstream: Socket, upstreamHead: Buffer) => {
      clearTimeout(late)
      socket.off('close', givenUp)
      upstream.on('error', () => upstream.destroy())
      deps.report(visit.access, 'ok')
      if (socket.destroyed) return void upstream.destroy()
      const heading = headingOf(answer, way.back)
      if (heading === null) {
        upstream.destroy()
        return refused('bad_answer')
      }
      const joined = async () => {
        await deps.tunnels.write(connection, opening)
        if (socket.destroyed || upstream.destroyed) {
          upstream.destroy()
          socket.destroy()
          return
        }
        socket.off('close', left)
        spliced = join({ browser: socket, head, session: upstream, sessionHead: upstreamHead, heading, connection })
      }
      // Where the row cannot be written, nothing has been said to the browser yet.
      joined().catch(() => {
        upstream.destroy()
        refused('unavailable')
      })
    })
    asked.end()
  }

  interface Ends {
    readonly browser: Duplex
    readonly head: Buffer
    readonly session: Socket
    readonly sessionHead: Buffer
    readonly heading: string
    readonly connection: LiveConnection
  }

  function join({ browser, head, session, sessionHead, heading, connection }: Ends): Splice {
    for (const one of [browser, session]) if ('setKeepAlive' in one) one.setKeepAlive(true, keepAliveMs)
    session.setNoDelay(true)
    browser.write(heading)
    // What came with the heads is put back in front of what comes.
    if (head.length > 0) browser.unshift(head)
    if (sessionHead.length > 0) session.unshift(sessionHead)
    return splice(browser, session, {
      received: (bytes, frames) => {
        connection.received(bytes)
        if (frames > 0) connection.input()
      },
      sent: (bytes) => connection.sent(bytes),
      over: () => {
        deps.figures.passed(connection.bytesIn, connection.bytesOut)
        deps.tunnels.end(connection, 'left')
      },
    })
  }
}

/** The session's 101, with what a browser may have of its headers. `null`: there is something in them that could end a line. */
function headingOf(answer: IncomingMessage, back: Backward): string | null {
  if (answer.headers.upgrade?.toLowerCase() !== 'websocket') return null
  const headers = responseHeaders(answer.rawHeaders, back)
  if (!headers.every(isHeaderText)) return null
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: websocket',
    ...linesOf(headers),
    '',
    '',
  ].join('\r\n')
}

/** A session's answer that is no 101, up to 64 KiB of it. `isRead`: the session has no more to do with it. */
async function passRefusal(answer: IncomingMessage, socket: Duplex, back: Backward, isRead: () => void): Promise<void> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > longestRefusal) break
      chunks.push(chunk)
    }
  } catch {
    // What came of it is passed on.
  }
  answer.destroy()
  const status = answer.statusCode ?? 502
  const headers = responseHeaders(answer.rawHeaders, back)
  if (!headers.every(isHeaderText)) return void socket.destroy()
  const body = Buffer.concat(chunks)
  const top = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'Connection: close', ...linesOf(headers)]
  if (!socket.writable) return void socket.destroy()
  isRead()
  socket.once('finish', () => socket.destroy())
  const timer = setTimeout(() => socket.destroy(), takenMs)
  socket.once('close', () => clearTimeout(timer))
  socket.write(`${[...top, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n`)
  socket.end(body)
}

const linesOf = (headers: readonly string[]): string[] =>
  headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}`] : []))
