import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** What was answered, as far as a bench needs it. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** Connections that are kept, one request at a time on each, with as little of a client around them as can be. */
export interface Wire {
  /** Sends on the connection of this lane. Rejects where the connection breaks, or after 30 s. */
  ask(lane: number, request: string): Promise<Answer>
  close(): void
}

const patienceMs = 30_000

export function createWire(url: string): Wire {
  const { hostname, port } = new URL(url)
  const sockets = new Map<number, Socket>()
  const socketOf = (lane: number): Socket => {
    const present = sockets.get(lane)
    if (present !== undefined && !present.destroyed) return present
    const fresh = connect({ host: hostname, port: Number(port), noDelay: true })
    sockets.set(lane, fresh)
    return fresh
  }
  return {
    ask: (lane, request) =>
      new Promise((resolve, reject) => {
        const socket = socketOf(lane)
        let text = ''
        const done = (settle: () => void) => {
          socket.off('data', onData).off('error', onError).off('close', onError).off('timeout', onError)
          socket.setTimeout(0)
          settle()
        }
        const onData = (chunk: Buffer) => {
          text += chunk.toString('latin1')
          const answer = answerIn(text)
          if (answer !== null) done(() => resolve(answer))
        }
        const onError = () => {
          socket.destroy()
          done(() => reject(new Error('the connection broke')))
        }
        socket.on('data', onData).once('error', onError).once('close', onError).once('timeout', onError)
        socket.setTimeout(patienceMs)
        socket.write(request)
      }),
    close: () => sockets.forEach((socket) => socket.destroy()),
  }
}

/** The answer, once it is whole: with a length, or in chunks. */
function answerIn(text: string): Answer | null {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = text.slice(0, end)
  const body = text.slice(end + 4)
  const length = /^content-length: *(\d+)/im.exec(head)?.[1]
  const whole = length === undefined ? body.endsWith('0\r\n\r\n') : body.length >= Number(length)
  return whole ? { status: Number(head.slice(9, 12)), body } : null
}

export interface Asking {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A request as it goes over the wire. */
export function requestOf({ method, path, headers = {}, body = '' }: Asking): string {
  const all = {
    host: 'bench',
    ...headers,
    ...(body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}
