/**
 * The words of the Guacamole protocol: `LENGTH.VALUE,LENGTH.VALUE,…;`, the first value being the opcode. Lengths count code
 * points, not bytes and not UTF-16 units (https://guacamole.apache.org/doc/gug/guacamole-protocol.html).
 */
export interface Instruction {
  readonly opcode: string
  readonly args: readonly string[]
  /** As it came, its semicolon included. */
  readonly raw: Buffer
}

/** What one instruction may take at most; guacd itself reads no more than 8 KiB and 128 elements. */
export interface InstructionLimits {
  readonly bytes: number
  readonly elements: number
}
export const fromBrowser: InstructionLimits = { bytes: 8_192, elements: 128 }
export const fromGuacd: InstructionLimits = { bytes: 65_536, elements: 512 }

/** What came is not of the protocol, or more than it may be. */
export class ProtocolFault extends Error {}

/** One instruction as text. A lone surrogate, which no encoding has, goes as U+FFFD. */
export function encodeInstruction(opcode: string, ...args: readonly (string | number)[]): string {
  return `${[opcode, ...args].map((value) => encodeElement(String(value))).join(',')};`
}

function encodeElement(value: string): string {
  const text = value.toWellFormed()
  const pairs = text.match(/[\ud800-\udbff]/g)?.length ?? 0
  return `${text.length - pairs}.${text}`
}

export interface InstructionReader {
  /** Takes the next bytes, however they are cut, and answers the instructions that are whole now. @throws ProtocolFault */
  push(chunk: Buffer): Instruction[]
  /** Whether an instruction has begun and not ended. */
  readonly pending: boolean
}

/** Reads a stream of instructions, and holds one that is not whole yet, within the limits. */
export function createInstructionReader(limits: InstructionLimits): InstructionReader {
  let rest = Buffer.alloc(0)
  return {
    get pending() {
      return rest.length > 0
    },
    push(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const instructions: Instruction[] = []
      let offset = 0
      while (offset < bytes.length) {
        const found = readInstruction(bytes, offset, limits)
        if (found === null) break
        instructions.push(found.instruction)
        offset = found.end
      }
      if (bytes.length - offset >= limits.bytes) throw new ProtocolFault('an instruction is too long')
      // A copy: else a few bytes would keep the whole chunk.
      rest = Buffer.from(bytes.subarray(offset))
      return instructions
    },
  }
}

type Span = readonly [start: number, end: number]

/** The instruction at `offset`; `null`: not all of it is there. */
function readInstruction(
  bytes: Buffer,
  offset: number,
  limits: InstructionLimits,
): { instruction: Instruction; end: number } | null {
  const spans: Span[] = []
  let at = offset
  for (;;) {
    const length = readLength(bytes, at, limits)
    if (length === null) return null
    const end = skipCodePoints(bytes, length.end, length.value)
    if (end - offset >= limits.bytes) throw new ProtocolFault('an instruction is too long')
    if (end >= bytes.length) return null
    spans.push([length.end, end])
    if (spans.length > limits.elements) throw new ProtocolFault('an instruction has too many elements')
    at = end + 1
    if (bytes[end] === semicolon) return { instruction: instructionOf(bytes, offset, at, spans), end: at }
    if (bytes[end] !== comma) throw new ProtocolFault('an element does not end where it says')
  }
}

const [comma, semicolon, period, zero, nine] = [0x2c, 0x3b, 0x2e, 0x30, 0x39]

/** The number before the period; `end` is after it. */
function readLength(bytes: Buffer, offset: number, limits: InstructionLimits): { value: number; end: number } | null {
  let value = 0
  for (let at = offset; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte === period && at > offset) return { value, end: at + 1 }
    if (byte < zero || byte > nine) throw new ProtocolFault('an element has no length')
    value = value * 10 + byte - zero
    if (value > limits.bytes || at - offset >= 8) throw new ProtocolFault('an element is too long')
  }
  return null
}

/** Steps as guacd steps: by what the first byte of each code point says of its width. May answer a place beyond the end. */
function skipCodePoints(bytes: Buffer, offset: number, count: number): number {
  let at = offset
  for (let left = count; left > 0 && at < bytes.length; left -= 1) at += widthOf(bytes[at] ?? 0)
  return at
}

function widthOf(first: number): number {
  if (first < 0xc0) return 1
  if (first < 0xe0) return 2
  if (first < 0xf0) return 3
  // What begins none counts as one there.
  return first < 0xf8 ? 4 : 1
}

function instructionOf(bytes: Buffer, start: number, end: number, spans: readonly Span[]): Instruction {
  const [opcode = [start, start] as const, ...args] = spans
  const textOf = ([from, to]: Span) => bytes.toString('utf8', from, to)
  let decoded: string[] | undefined
  return {
    opcode: textOf(opcode),
    // Most are passed on as they are, and a picture is long.
    get args() {
      return (decoded ??= args.map(textOf))
    },
    raw: bytes.subarray(start, end),
  }
}
