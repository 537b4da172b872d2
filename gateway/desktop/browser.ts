import { isUtf8 } from 'node:buffer'
import type { WebSocket } from 'ws'
import { closeFrame } from './ends.ts'
import type { DesktopEnd } from './ends.ts'
import { createInstructionReader, encodeInstruction, fromBrowser, ProtocolFault } from './instructions.ts'
import type { Instruction } from './instructions.ts'

export interface BrowserLimits {
  /** It is asked for a sign of life this often, which it answers even when its page is hidden… */
  readonly pingMs: number
  /** …and given up without one for so long. */
  readonly silentMs: number
  /** Beyond this much unsent, no more is read from the desktop. */
  readonly highWater: number
  /** The time between a close frame and the end of its connection. */
  readonly closeMs: number
}
export const browserLimits: BrowserLimits = {
  pingMs: 10_000,
  silentMs: 35_000,
  highWater: 512 * 1024,
  closeMs: 1_000,
}

/** The WebSocket of a viewer, in instructions. */
export interface Browser {
  /** Sends them as one message. `false`: wait for `drained` before more is sent. */
  send(instructions: readonly Instruction[]): boolean
  /** The first message: the desktop is there. */
  open(tunnelId: string): void
  drained(told: () => void): void
  pause(): void
  resume(): void
  /** Says why, and ends it. Repeats are harmless. */
  close(end: DesktopEnd): void
}

export interface BrowserEvents {
  said(instructions: readonly Instruction[]): void
  /** Once, however it went. Not told of a `close` from here. */
  gone(end: DesktopEnd): void
  received(bytes: number): void
  sent(bytes: number): void
}

/** What the protocol's clients take for a message from whoever is between them and guacd. */
const internal = ''

/** Reads and writes a viewer's WebSocket, answers its pings, and notices when it is gone. */
export function openBrowser(socket: WebSocket, events: BrowserEvents, limits: BrowserLimits = browserLimits): Browser {
  const reader = createInstructionReader(fromBrowser)
  let heardAt = performance.now()
  let over = false
  let toTell: (() => void) | null = null

  const finish = (end: DesktopEnd, silently: boolean) => {
    if (over) return
    over = true
    clearInterval(pulse)
    const { code, reason } = closeFrame(end)
    socket.close(code, reason)
    const limit = setTimeout(() => socket.terminate(), limits.closeMs)
    socket.once('close', () => clearTimeout(limit))
    if (!silently) events.gone(end)
  }
  const pulse = setInterval(() => {
    if (performance.now() - heardAt > limits.silentMs) return finish('browser_silent', false)
    socket.ping()
  }, limits.pingMs)

  const write = (bytes: Buffer | string): boolean => {
    events.sent(bytes.length)
    socket.send(bytes, { binary: false }, () => {
      if (toTell === null || socket.bufferedAmount > limits.highWater / 2) return
      const told = toTell
      toTell = null
      told()
    })
    return socket.bufferedAmount <= limits.highWater
  }

  const hear = (data: Buffer): void => {
    const said: Instruction[] = []
    for (const instruction of reader.push(data)) {
      if (instruction.opcode !== internal) said.push(instruction)
      else if (instruction.args[0] === 'ping') write(encodeInstruction(internal, 'ping', instruction.args[1] ?? ''))
    }
    if (said.length > 0) events.said(said)
  }
  socket.on('message', (data: Buffer, isBinary) => {
    if (over) return
    heardAt = performance.now()
    events.received(data.length)
    try {
      if (isBinary) throw new ProtocolFault('binary')
      hear(data)
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error
      finish('browser_fault', false)
    }
  })
  socket.on('pong', () => (heardAt = performance.now()))
  // What is wrong with a frame is answered by the library; the end follows.
  socket.on('error', () => undefined)
  socket.on('close', () => finish('left', false))

  return {
    send: (instructions) => over || write(wellFormed(instructions)),
    open: (tunnelId) => void (over || write(encodeInstruction(internal, tunnelId))),
    drained: (told) => void (toTell = told),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: (end) => finish(end, true),
  }
}

/** A browser ends a connection that brings it text of no encoding, and a desktop may have any name. */
function wellFormed(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.concat(instructions.map(({ raw }) => raw))
  if (isUtf8(bytes)) return bytes
  return Buffer.from(instructions.map(({ opcode, args }) => encodeInstruction(opcode, ...args)).join(''))
}
