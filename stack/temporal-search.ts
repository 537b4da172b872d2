import { homedir } from 'node:os'
import { join } from 'node:path'
import { directoriesOf, findExecutable, isExecutable } from './executable.ts'

export interface TemporalSearch {
  /** Named by the operator (`TEMPORAL_CLI_PATH`): no other is taken then. */
  readonly named?: string | undefined
  readonly path?: string | undefined
  readonly cacheHome?: string | undefined
}

/** Where Carrel keeps what it fetched for itself: `~/.cache/carrel/bin`. */
export function cacheDirectory(search: TemporalSearch): string {
  return join(search.cacheHome ?? join(homedir(), '.cache'), 'carrel', 'bin')
}

/** Looks for the Temporal CLI: the named one, on the PATH, in our cache. Fetches nothing. */
export async function findTemporal(search: TemporalSearch): Promise<string | undefined> {
  if (search.named !== undefined) {
    if (await isExecutable(search.named)) return search.named
    throw new Error(`TEMPORAL_CLI_PATH names ${search.named}, which is no executable file`)
  }
  return await findExecutable('temporal', [...directoriesOf(search.path ?? ''), cacheDirectory(search)])
}
