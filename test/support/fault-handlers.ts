import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { copyHead } from './fault-target.ts'
import type { FaultTarget } from './fault-target.ts'

/** What is done with one request. Whatever it throws cuts the connection. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<unknown> | void

/** `text`: no JSON; `shape`: JSON of another kind; `wire`: no HTTP; `half`: the true answer, cut in the middle. */
export type Garbage = 'text' | 'shape' | 'wire' | 'half'

export const cut = (request: IncomingMessage): void => void request.socket.destroy()

/** Both bodies flow as they come. */
export const passing =
  (target: FaultTarget): Handler =>
  (request, response) =>
    new Promise<void>((resolve, reject) => {
      const onward = target.begin(request)
      response.once('close', () => {
        onward.destroy()
        resolve()
      })
      onward.once('error', reject).once('response', (answer) => {
        copyHead(answer, response)
        response.flushHeaders()
        answer.once('error', reject).pipe(response)
      })
      request.pipe(onward)
    })

/** Waits, then passes on, unless the client has given up meanwhile. */
export const slowing =
  (target: FaultTarget, ms: number, ended: AbortSignal): Handler =>
  async (request, response) => {
    await delay(ms, undefined, { signal: ended })
    if (!request.socket.destroyed) await passing(target)(request, response)
  }

/** The backend does the work, and the client never hears of it. */
export const losing =
  (target: FaultTarget): Handler =>
  async (request) => {
    await deliver(target, request, await bodyOf(request))
    cut(request)
  }

/** Reads the request at once, and gives it to the backend when the time has come, whether the client waits or not. */
export const holding =
  (target: FaultTarget, until: Promise<void>, landed: (status: Promise<number>) => void = () => undefined): Handler =>
  async (request, response) => {
    const body = await bodyOf(request)
    await until
    const status = deliver(target, request, body, response)
    landed(status)
    await status
  }

export const answering =
  (status: number, headers: Readonly<Record<string, string>>, body: string): Handler =>
  async (request, response) => {
    await bodyOf(request)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }

export function spoiling(target: FaultTarget, garbage: Garbage): Handler {
  switch (garbage) {
    case 'text':
      return answering(200, { 'content-type': 'text/html' }, '<html><body>It works!</body></html>')
    case 'shape':
      return answering(200, {}, '[{"unexpected":[null,7]}]')
    case 'wire':
      return async (request) => {
        await bodyOf(request)
        request.socket.end('\x00\x15\xff nothing that anybody speaks\r\n\r\n')
      }
    case 'half':
      return (request, response) =>
        new Promise<void>((_, reject) => {
          const onward = target.begin(request)
          onward.once('error', reject).once('response', (answer) => {
            copyHead(answer, response)
            answer.once('error', reject).once('end', reject)
            answer.once('data', (chunk: Buffer) => response.write(chunk.subarray(0, chunk.length / 2), reject))
          })
          request.pipe(onward)
        })
    default:
      return garbage satisfies never
  }
}

/** The status of the backend's answer. Its body goes to `response`, where that is given and somebody still waits. */
function deliver(
  target: FaultTarget,
  request: IncomingMessage,
  body: Buffer,
  response?: ServerResponse,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const onward = target.begin(request)
    onward.once('error', reject).once('response', (answer) => {
      resolve(answer.statusCode ?? 0)
      answer.on('error', () => cut(request))
      if (response === undefined || request.socket.destroyed) return void answer.resume()
      copyHead(answer, response)
      return void answer.pipe(response)
    })
    onward.end(body)
  })
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks)
}
