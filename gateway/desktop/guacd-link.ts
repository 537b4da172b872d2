import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { GuacdAddress } from './gate.ts'
import { createInstructionReader, encodeInstruction, fromGuacd, ProtocolFault } from './instructions.ts'
import type { Instruction } from './instructions.ts'

/** `left`: closed from here. */
export type LinkEnd = 'unreachable' | 'closed' | 'fault' | 'left'

/** The addresses of a connection: our own, and guacd's. */
export interface LinkEnds {
  readonly near: string
  readonly far: string
}

/** A connection to guacd. Instructions are given in batches, as they come; until there is somebody to take them, they wait. */
export interface GuacdLink {
  /** Whoever takes them from here on; what waited is given at once. `null`: they wait for the next who takes. */
  take(batch: ((instructions: readonly Instruction[]) => void) | null): void
  /** Resolves once it is connected; with `null` when it has ended, before or since. Never rejects. */
  connected(): Promise<LinkEnds | null>
  /** Told once, also when it has ended before. */
  ended(told: (end: LinkEnd) => void): void
  /** `false`: wait for `drained` before more is sent. */
  send(bytes: string | Buffer): boolean
  drained(told: () => void): void
  /** Stops and goes on with reading; the desktop waits meanwhile. */
  pause(): void
  resume(): void
  /** Takes leave and ends. Without the leave guacd would keep the user for 15 s. */
  close(): void
}

/** What may wait unread before it counts as a fault: guacd waits for nobody who does not read. */
const mostWaiting = 32 * 1024 * 1024
const connectLimitMs = 3_000
/** Whoever does not take a leave within this time gets none. */
const leaveMs = 1_000

/** Connects to a guacd. Reports all that goes wrong by `ended`, and throws nothing. */
export function openLink({ host, port }: GuacdAddress): GuacdLink {
  const socket: Socket = connect({ host, port, noDelay: true, keepAlive: true })
  const reader = createInstructionReader(fromGuacd)
  const opened = Promise.withResolvers<void>()
  let connected = false
  let waiting: Instruction[] = []
  let waitingBytes = 0
  let taker: ((instructions: readonly Instruction[]) => void) | null = null
  let end: LinkEnd | null = null
  let toTell: ((end: LinkEnd) => void) | null = null

  const finish = (how: LinkEnd) => {
    if (end !== null) return
    end = how
    opened.resolve()
    if (how === 'left' && connected) {
      socket.write(encodeInstruction('disconnect'))
      socket.destroySoon()
      setTimeout(() => socket.destroy(), leaveMs).unref()
    } else socket.destroy()
    toTell?.(how)
  }
  const limit = setTimeout(() => finish('unreachable'), connectLimitMs)
  socket.on('connect', () => {
    connected = true
    opened.resolve()
    clearTimeout(limit)
  })
  socket.on('error', () => finish(connected ? 'closed' : 'unreachable'))
  socket.on('close', () => {
    clearTimeout(limit)
    finish(connected ? 'closed' : 'unreachable')
  })
  socket.on('data', (chunk: Buffer) => {
    if (end !== null) return
    try {
      const instructions = reader.push(chunk)
      if (taker !== null) return taker(instructions)
      waiting.push(...instructions)
      waitingBytes += chunk.length
      if (waitingBytes > mostWaiting) finish('fault')
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error
      finish('fault')
    }
  })

  return {
    take(batch) {
      taker = batch
      const held = waiting
      if (batch === null) return
      waiting = []
      waitingBytes = 0
      if (held.length > 0) batch(held)
    },
    async connected() {
      await opened.promise
      const { localAddress: near, remoteAddress: far } = socket
      return end !== null || near === undefined || far === undefined ? null : { near, far }
    },
    ended(told) {
      toTell = told
      if (end !== null) told(end)
    },
    send: (bytes) => socket.write(bytes),
    drained: (told) => void socket.once('drain', told),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => finish('left'),
  }
}
