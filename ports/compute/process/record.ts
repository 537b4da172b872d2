import { access, readdir } from 'node:fs/promises'
import { z } from 'zod'
import { idPattern, type SessionId } from '../../../domain/ids.ts'
import { readOrNull, replaceDurably } from './files.ts'
import { keyPattern, namePattern, type Places } from './places.ts'

const instanceRecord = z.strictObject({
  name: z.string().regex(namePattern),
  deploymentId: z.string(),
  sessionId: z
    .string()
    .regex(idPattern)
    .transform((id) => id as SessionId), // the pattern is the brand
  generation: z.int().positive(),
  /** `exclusive`: nothing but this instance runs as this user. */
  runAs: z.strictObject({ uid: z.int(), gid: z.int(), gids: z.array(z.int()), exclusive: z.boolean() }),
  ports: z.array(z.strictObject({ port: z.int(), hostPort: z.int() })),
  /** What the supervisor runs: limits, sandbox, launch script. */
  argv: z.array(z.string()),
  /** The supervising shell; `null` before it waits for its word to begin. */
  supervisor: z.strictObject({ pid: z.int().positive(), startTime: z.string(), bootId: z.string() }).nullable(),
})

/** What is kept of an instance: enough to find, watch, start and end it from any process, at any time. */
export type InstanceRecord = z.output<typeof instanceRecord>
export type RunAs = InstanceRecord['runAs']
export type ProcessIdentity = NonNullable<InstanceRecord['supervisor']>

/** The record of an instance; `null` where there is none. Throws where one cannot be read, for that is not "none". */
export async function readRecord(places: Places, key: string): Promise<InstanceRecord | null> {
  const text = await readOrNull(places.instance(key).record)
  if (text !== null) return instanceRecord.parse(JSON.parse(text))
  await access(places.instances) // without the directory, nothing is known
  return null
}

/** Every instance's record. One that goes away meanwhile may be left out. Throws rather than leave out any other. */
export async function readRecords(places: Places): Promise<InstanceRecord[]> {
  const keys = (await readdir(places.instances)).filter((key) => keyPattern.test(key)).toSorted()
  const records = await Promise.all(keys.map((key) => readRecord(places, key)))
  return records.filter((record) => record !== null)
}

export const writeRecord = (path: string, record: InstanceRecord): Promise<void> =>
  replaceDurably(path, JSON.stringify(record))
