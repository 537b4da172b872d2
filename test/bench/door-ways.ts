import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'

/** One way to a session: straight, or through its door. */
export interface Way {
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
}

const connectAtOnce = 50
const chunk = Buffer.alloc(64 * 1024)

/** Opens WebSockets, and keeps them open until they are closed. */
export async function openSockets({ port, headers }: Way, count: number): Promise<WebSocket[]> {
  const sockets: WebSocket[] = []
  for (let at = 0; at < count; at += connectAtOnce) {
    const some = Array.from({ length: Math.min(connectAtOnce, count - at) }, () => {
      return new WebSocket(`ws://127.0.0.1:${port}/`, { headers, perMessageDeflate: false, handshakeTimeout: 30_000 })
    })
    await Promise.all(some.map(async (socket) => await once(socket, 'open')))
    sockets.push(...some)
  }
  return sockets
}

/** Each socket says something every second, all spread over it; how long each echo took, ms. */
export async function echo(sockets: readonly WebSocket[], forMs: number): Promise<number[]> {
  const took: number[] = []
  const everyMs = 1_000
  const began = performance.now()
  const talk = async (socket: WebSocket, n: number) => {
    socket.on('message', (data: Buffer) => took.push(performance.now() - data.readDoubleLE(0)))
    await delay((n * everyMs) / sockets.length)
    while (performance.now() - began < forMs) {
      const said = Buffer.alloc(128)
      said.writeDoubleLE(performance.now(), 0)
      socket.send(said)
      await delay(everyMs)
    }
  }
  await Promise.all(sockets.map(talk))
  for (const socket of sockets) socket.removeAllListeners('message')
  return took
}

/** Reads so many bytes and throws them away; MiB a second. */
export async function download(way: Way, bytes: number): Promise<number> {
  const began = performance.now()
  const answer = await asked(way, 'GET', `/?bytes=${bytes}`, () => Promise.resolve())
  let read = 0
  for await (const part of answer as AsyncIterable<Buffer>) read += part.length
  if (read !== bytes) throw new Error(`${read} bytes came of ${bytes}`)
  return rateOf(bytes, began)
}

/** Sends so many bytes, as fast as they are taken; MiB a second. */
export async function upload(way: Way, bytes: number): Promise<number> {
  const began = performance.now()
  const answer = await asked(way, 'PUT', '/', async (write) => {
    for (let left = bytes; left > 0; left -= chunk.length) await write(chunk.subarray(0, Math.min(left, chunk.length)))
  })
  let said = ''
  for await (const part of answer as AsyncIterable<Buffer>) said += part.toString()
  if (said !== String(bytes)) throw new Error(`of ${bytes} bytes arrived ${said}`)
  return rateOf(bytes, began)
}

const rateOf = (bytes: number, began: number) => bytes / 2 ** 20 / ((performance.now() - began) / 1_000)

async function asked(
  { port, headers }: Way,
  method: string,
  path: string,
  body: (write: (part: Buffer) => Promise<void>) => Promise<void>,
): Promise<IncomingMessage> {
  const out = request({ host: '127.0.0.1', port, method, path, headers, agent: new Agent() })
  const answered = once(out, 'response')
  await body(async (part) => {
    if (!out.write(part)) await once(out, 'drain')
  })
  out.end()
  // The one argument of this event.
  const [answer] = (await answered) as [IncomingMessage]
  if (answer.statusCode !== 200) throw new Error(`${method} was answered ${answer.statusCode}`)
  return answer
}
