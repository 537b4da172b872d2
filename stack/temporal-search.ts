import { access, constants } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

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
  const directories = [...(search.path ?? '').split(delimiter).filter((entry) => entry !== ''), cacheDirectory(search)]
  for (const directory of directories) {
    const candidate = join(directory, 'temporal')
    if (await isExecutable(candidate)) return candidate
  }
  return undefined
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}
