import { open } from 'node:fs/promises'
import { systemCodeOf } from './files.ts'

const capBytes = 64 * 1024

/** The last lines of the segments, oldest segment first; at most 64 KiB, whatever bytes were printed. */
export async function lastLines(segments: readonly string[], lines: number): Promise<string> {
  let tail = Buffer.alloc(0)
  for (const segment of segments.toReversed()) {
    if (tail.length >= capBytes) break
    tail = Buffer.concat([await lastBytes(segment, capBytes - tail.length), tail])
  }
  const text = tail.toString('utf8')
  const whole = text.endsWith('\n') ? text.slice(0, -1) : text
  return capped(whole.split('\n').slice(-lines).join('\n'))
}

/** A segment that rotates away meanwhile counts as empty; its lines show up at the next look. */
async function lastBytes(path: string, count: number): Promise<Buffer> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    const length = Math.min(size, count)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

/** Broken characters are shown as three bytes each, and may make it longer again. */
function capped(text: string): string {
  return Buffer.byteLength(text) <= capBytes
    ? text
    : Buffer.from(text)
        .subarray(-capBytes)
        .toString('utf8')
        .replace(/^\uFFFD+/, '')
}
