import type { Permissions } from '../../domain/desktop-parameters.ts'
import type { DoorMode } from '../../domain/template.ts'
import { encodeInstruction } from './instructions.ts'
import type { Instruction } from './instructions.ts'
import { longestSide } from './request.ts'

/** What becomes of an instruction. `input`: its user did something. */
export type Passage = 'pass' | 'input' | 'drop'

export interface Filter {
  /** From the browser to the desktop. */
  up(instruction: Instruction): Passage
  /** From the desktop to the browser; `answer`: what guacd is told instead. */
  down(instruction: Instruction): { readonly pass: boolean; readonly answer?: string }
}

const inputs = new Set(['key', 'mouse', 'touch'])
/** Said by programs, not by people. */
const upkeep = new Set(['sync', 'nop', 'ack', 'disconnect'])
/** Streams that a browser may open, by what they need. Their first argument is the stream's number, but for `put`. */
const upStreams: Readonly<Record<string, keyof Permissions>> = { clipboard: 'paste', file: 'upload', put: 'upload' }
/** Streams that the desktop opens. All else that it says is picture, sound and upkeep. */
const downStreams: Readonly<Record<string, keyof Permissions>> = {
  clipboard: 'copy',
  file: 'download',
  body: 'download',
}
/** More than a program has open at once; beyond, the oldest is forgotten and its blobs are dropped. */
const openStreams = 256

/**
 * Lets pass what a mode and a template allow, whatever guacd is set to. Who only looks says nothing to the desktop.
 * Holds which streams are open, so one is needed per tunnel.
 */
export function createFilter(mode: DoorMode, may: Permissions): Filter {
  const upOpen = new Set<string>()
  const downShut = new Set<string>()

  return {
    up({ opcode, args }) {
      if (upkeep.has(opcode)) return 'pass'
      if (mode === 'view') return 'drop'
      if (inputs.has(opcode)) return 'input'
      if (opcode === 'size') return args.slice(0, 2).every(isLength) ? 'pass' : 'drop'
      if (opcode === 'get') return may.download ? 'input' : 'drop'
      const needed = upStreams[opcode]
      if (needed !== undefined) {
        if (!may[needed]) return 'drop'
        remember(upOpen, streamOf(opcode, args))
        return 'input'
      }
      if (opcode !== 'blob' && opcode !== 'end') return 'drop'
      const stream = streamOf(opcode, args)
      if (!upOpen.has(stream)) return 'drop'
      if (opcode === 'end') upOpen.delete(stream)
      return 'input'
    },
    down({ opcode, args }) {
      const needed = downStreams[opcode]
      if (needed !== undefined) {
        const stream = streamOf(opcode, args)
        if (may[needed]) {
          downShut.delete(stream)
          return { pass: true }
        }
        remember(downShut, stream)
        return { pass: false, answer: encodeInstruction('ack', stream, 'FORBIDDEN', 771) }
      }
      if (opcode === 'filesystem' || opcode === 'undefine') return { pass: may.upload || may.download }
      if (opcode === 'pipe' || opcode === 'argv') {
        const stream = streamOf(opcode, args)
        remember(downShut, stream)
        return { pass: false, answer: encodeInstruction('ack', stream, 'UNSUPPORTED', 256) }
      }
      // Said when a password is missing; a browser is never asked for one.
      if (opcode === 'required') return { pass: false }
      if (opcode === 'img' || opcode === 'audio' || opcode === 'video') downShut.delete(streamOf(opcode, args))
      if (opcode !== 'blob' && opcode !== 'end') return { pass: true }
      const shut = downShut.size > 0 && downShut.has(streamOf(opcode, args))
      if (shut && opcode === 'end') downShut.delete(streamOf(opcode, args))
      return { pass: !shut }
    },
  }
}

/** guacd makes a picture of any size that it is told. */
const isLength = (text: string): boolean => /^\d{1,4}$/.test(text) && Number(text) > 0 && Number(text) <= longestSide

/** Which argument is the stream: `put` and `body` name an object first. */
const streamOf = (opcode: string, args: readonly string[]): string =>
  (opcode === 'put' || opcode === 'body' ? args[1] : args[0]) ?? ''

function remember(streams: Set<string>, stream: string): void {
  streams.delete(stream)
  streams.add(stream)
  const [oldest] = streams
  if (streams.size > openStreams && oldest !== undefined) streams.delete(oldest)
}
