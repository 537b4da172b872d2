import { createHash } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { barredStep } from '../../ports/compute/process/reach.ts'

/** A user that owns nothing and is in no group. */
const nobody = { uid: -1, gid: -1, gids: [] }

/** The first directory or file on the way that sessions' users could not pass; `null` if the way is free. */
export const barredFor = (path: string): string | null => barredStep(path, nobody)

/**
 * A directory for what sessions run and where they have their homes: below the stack's own, or, where sessions run as
 * another user who may not get there (a clone below /root), one of root's that he may.
 */
export async function findPlace(directory: string, othersMustReach: boolean): Promise<string> {
  await mkdir(directory, { recursive: true })
  if (!othersMustReach || barredFor(directory) === null) return directory
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 12)
  const elsewhere = join('/var/lib/carrel', name)
  await mkdir(elsewhere, { recursive: true, mode: 0o755 })
  const barred = barredFor(elsewhere)
  if (barred !== null || (await stat(elsewhere)).uid !== 0)
    throw new Error(`Sessions cannot reach ${directory}, nor ${elsewhere}: ${barred ?? 'it is not root’s'}.`)
  return elsewhere
}
