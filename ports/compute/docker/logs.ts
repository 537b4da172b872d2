import type { InstanceRef } from '../provider.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { findContainer } from './container.ts'
import { namesOf } from './names.ts'

const maxBytes = 64 * 1024

/** The last lines of both streams; empty where there is no container or no answer. */
export async function readLogs(engine: Engine, ref: InstanceRef, lines: number, signal: AbortSignal): Promise<string> {
  try {
    const container = await findContainer(engine, ref, namesOf(ref), signal)
    if (container === null) return ''
    return await containerLogs(engine, container.Id, lines, signal)
  } catch (error) {
    if (error instanceof EngineError) return ''
    throw error
  }
}

/** The last lines of any container, 64 KiB at most. */
export async function containerLogs(engine: Engine, id: string, lines: number, signal: AbortSignal): Promise<string> {
  const query = { stdout: true, stderr: true, tail: Math.max(1, Math.min(lines, 1000)) }
  const raw = await engine.bytes(`/containers/${id}/logs`, 8 * maxBytes, signal, { query })
  return demultiplexed(raw).subarray(-maxBytes).toString()
}

/** Takes apart the daemon's frames: stream (1 byte), 3 zeros, length (4 bytes, big endian), text. */
export function demultiplexed(raw: Buffer): Buffer {
  const texts: Buffer[] = []
  for (let at = 0; at + 8 <= raw.length;) {
    const length = raw.readUInt32BE(at + 4)
    texts.push(raw.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(texts)
}
