import { open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { InstanceRef } from '../provider.ts'
import type { Deps } from './deps.ts'
import { readOrNull, systemCodeOf } from './files.ts'
import { keyOf } from './places.ts'
import { isAlive } from './processes.ts'
import { readRecord } from './record.ts'

const capBytes = 64 * 1024
const drainMs = 500
const drainEveryMs = 10

/** The last lines that the instance printed. Of one that has ended also what was still on its way to the file. */
export async function readLogs(ref: InstanceRef, lines: number, { places }: Deps): Promise<string> {
  const key = keyOf(ref)
  const at = places.instance(key)
  const supervisor = (await readRecord(places, key))?.supervisor ?? null
  if (supervisor !== null && (await readOrNull(at.exit)) !== null) {
    // The supervisor ends once all is written; a child that lives on may hold the pipe open, hence the limit.
    for (const until = Date.now() + drainMs; isAlive(supervisor) && Date.now() < until;) await delay(drainEveryMs)
  }
  return await lastLines(at.logs, lines)
}

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
