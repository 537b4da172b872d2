import type { Duplex } from 'node:stream'
import { answerOf, sendRaw } from './answer.ts'
import { notices } from './pages/notices.ts'

/** Answers on a connection whose request is none, and closes it. */
export function answerUnread(error: Error, socket: Duplex): void {
  switch ('code' in error ? error.code : null) {
    case 'HPE_HEADER_OVERFLOW':
      return sendRaw(socket, answerOf(notices.headers_too_large, false, []))
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return sendRaw(socket, answerOf(notices.request_timeout, false, []))
    case 'ECONNRESET':
      return void socket.destroy()
    default:
      return sendRaw(socket, answerOf(notices.malformed_request, false, []))
  }
}
