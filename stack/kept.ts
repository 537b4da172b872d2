import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'

const provider = z.object({
  id: z.string(),
  kind: z.string(),
  networks: z.array(z.string()),
  settings: z.record(z.string(), z.unknown()),
})
const kept = z.object({
  postgresPassword: z.string().min(1),
  /** As CARREL_KEYS wants it. */
  keys: z.string().min(1),
  adminAccountId: z.string().optional(),
  userAccountId: z.string().optional(),
  /** What this installation's instances are labelled with, and where it may have made some. */
  deploymentId: z.string().optional(),
  providers: z.array(provider).default([]),
})
/** What the embedded stack keeps between its runs. */
export type Kept = z.output<typeof kept>

/** Reads it, or makes a new one with random secrets. @throws when the file is there but damaged */
export async function readKept(file: string): Promise<Kept> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text !== undefined) {
    const result = kept.safeParse(parse(text))
    if (result.success) return result.data
    throw new Error(`${file} is damaged; without it the data cannot be read. Start over with --fresh.`)
  }
  const fresh = {
    postgresPassword: randomBytes(24).toString('base64url'),
    keys: `k1:${randomBytes(32).toString('base64')}`,
    providers: [],
  }
  await writePrivate(file, fresh)
  return fresh
}

export const writeKept = (file: string, value: Kept): Promise<void> => writePrivate(file, value)

/** Writes JSON that only we may read, whole or not at all. */
export async function writePrivate(file: string, value: unknown): Promise<void> {
  const beside = `${file}.${process.pid}`
  await writeFile(beside, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  await rename(beside, file)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
