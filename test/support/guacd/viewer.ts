import { WebSocket } from 'ws'
import { createInstructionReader, encodeInstruction, fromGuacd } from '../../../gateway/desktop/instructions.ts'
import type { Instruction } from '../../../gateway/desktop/instructions.ts'

/** A viewer without a screen: it answers what must be answered, and counts. */
export interface Viewer {
  /** Resolves with the milliseconds from the start to the first picture; rejects where none comes, with why. */
  readonly picture: Promise<number>
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>
  /** How often an instruction came. */
  count(opcode: string): number
  /** What was on the desktop's clipboard last. */
  copied(): string
  /** Every picture that was drawn, as it came. */
  drawn(): readonly Buffer[]
  say(opcode: string, ...args: (string | number)[]): void
  /** Presses and lets go of each key. */
  type(text: string): void
  /** Reads no more, as a frozen page. */
  freeze(): void
  close(): void
}

export interface ViewerPlan {
  /** `localhost:port` of the gateway, and the host name of the door. */
  readonly origin: string
  readonly host: string
  readonly query?: string
  /** What a browser that went through the door says as well. */
  readonly headers?: Readonly<Record<string, string>>
  readonly pictureLimitMs?: number
}

/** Opens a desktop as the viewer's page does. */
export function openViewer({ origin, host, query = '', headers = {}, pictureLimitMs = 15_000 }: ViewerPlan): Viewer {
  const began = performance.now()
  const [, port = ''] = origin.split(':')
  const socket = new WebSocket(
    `ws://127.0.0.1:${port}/.carrel/desktop/tunnel?width=800&height=600&dpi=96${query}`,
    'guacamole',
    { headers: { host: `${host}.${origin}`, ...headers } },
  )
  const reader = createInstructionReader(fromGuacd)
  const counts = new Map<string, number>()
  const picture = Promise.withResolvers<number>()
  picture.promise.catch(() => undefined)
  const limit = setTimeout(() => picture.reject(new Error('no picture in time')), pictureLimitMs)
  const streams = createStreams()
  let drawn = false
  const say = (opcode: string, ...args: (string | number)[]) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(encodeInstruction(opcode, ...args))
  }
  const hear = ({ opcode, args }: Instruction) => {
    counts.set(opcode, (counts.get(opcode) ?? 0) + 1)
    streams.hear(opcode, args)
    if (opcode === 'img' || opcode === 'cfill' || opcode === 'copy') drawn = true
    if (opcode !== 'sync') return
    say('sync', args[0] ?? '')
    if (!drawn) return
    clearTimeout(limit)
    picture.resolve(performance.now() - began)
  }
  socket.on('message', (data: Buffer) => reader.push(data).forEach(hear))
  socket.on('error', (error) => picture.reject(error))
  const ended = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => {
      clearTimeout(limit)
      picture.reject(new Error(`closed: ${code} ${reason}`))
      resolve({ code, reason: reason.toString() })
    })
  })
  const returnKey = 0xff0d
  return {
    picture: picture.promise,
    ended,
    count: (opcode) => counts.get(opcode) ?? 0,
    copied: () => streams.clipboards.at(-1)?.toString() ?? '',
    drawn: () => streams.pictures,
    say,
    type(text) {
      for (const character of text) {
        const keysym = character === '\n' ? returnKey : (character.codePointAt(0) ?? 0)
        say('key', keysym, 1)
        say('key', keysym, 0)
      }
    },
    freeze: () => socket.pause(),
    close: () => socket.close(),
  }
}

/** Puts together what comes in pieces: pictures and clipboards. */
function createStreams() {
  const open = new Map<string, { readonly kept: Buffer[]; readonly parts: Buffer[] }>()
  const pictures: Buffer[] = []
  const clipboards: Buffer[] = []
  return {
    pictures,
    clipboards,
    hear(opcode: string, [stream = '', data = '']: readonly string[]) {
      if (opcode === 'img') open.set(stream, { kept: pictures, parts: [] })
      if (opcode === 'clipboard') open.set(stream, { kept: clipboards, parts: [] })
      if (opcode === 'blob') open.get(stream)?.parts.push(Buffer.from(data, 'base64'))
      if (opcode !== 'end') return
      const ended = open.get(stream)
      if (ended !== undefined) ended.kept.push(Buffer.concat(ended.parts))
      open.delete(stream)
    },
  }
}
