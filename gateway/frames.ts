/** Follows the frames of one direction of a WebSocket (RFC 6455 §5.2) by their headers alone; payloads are skipped. */
export interface FrameScanner {
  /** How many frames with data (not ping, pong or close) began in this chunk. */
  feed(chunk: Uint8Array): number
  /** Nothing of a frame is under way: another frame may be put in here. */
  readonly atBoundary: boolean
}

const firstControlOpcode = 0x8
/** Longest header: two bytes, eight of length, four of mask. */
const longestHeader = 14

/** After something that is no frame, nothing is counted any more: both ends will notice by themselves. */
export function createFrameScanner(): FrameScanner {
  const header = new Uint8Array(longestHeader)
  let have = 0
  let payloadLeft = 0
  let isLost = false

  /** A whole header is there: what follows it. */
  const begin = (length: number): boolean => {
    const view = new DataView(header.buffer)
    const short = (header[1] ?? 0) & 0x7f
    const long = short === 126 ? view.getUint16(2) : short === 127 ? Number(view.getBigUint64(2)) : short
    have = 0
    payloadLeft = long
    if (!Number.isSafeInteger(long) || length > longestHeader) isLost = true
    return ((header[0] ?? 0) & 0x0f) < firstControlOpcode
  }

  return {
    feed(chunk) {
      let frames = 0
      let at = 0
      while (at < chunk.length && !isLost) {
        if (payloadLeft > 0) {
          const skipped = Math.min(payloadLeft, chunk.length - at)
          payloadLeft -= skipped
          at += skipped
          continue
        }
        header[have] = chunk[at] ?? 0
        have += 1
        at += 1
        if (have >= 2 && have === headerLength(header)) frames += begin(have) ? 1 : 0
      }
      return frames
    },
    get atBoundary() {
      return !isLost && have === 0 && payloadLeft === 0
    },
  }
}

function headerLength(header: Uint8Array): number {
  const second = header[1] ?? 0
  const short = second & 0x7f
  return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4)
}

/** A close frame as a server sends it: unmasked, with a code and a few words. */
export function closeFrame(code: number, reason: string): Uint8Array {
  const text = Buffer.from(reason).subarray(0, 123)
  const frame = Buffer.alloc(4 + text.length)
  frame.writeUInt8(0x88, 0)
  frame.writeUInt8(2 + text.length, 1)
  frame.writeUInt16BE(code, 2)
  text.copy(frame, 4)
  return frame
}
