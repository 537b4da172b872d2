import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the repository lies. */
export const repository = fileURLToPath(new URL('..', import.meta.url))

/** Everything that the embedded stack keeps, in one directory that git ignores. */
export interface Places {
  readonly directory: string
  readonly postgres: string
  readonly temporalFile: string
  readonly logs: string
  /** Passwords, keys and account ids, kept between runs. */
  readonly keptFile: string
  /** How to reach a running stack; there only while it runs. */
  readonly stateFile: string
  readonly lockFile: string
}

export function placesIn(directory: string = join(repository, '.carrel')): Places {
  const root = resolve(directory)
  return {
    directory: root,
    postgres: join(root, 'postgres'),
    temporalFile: join(root, 'temporal.db'),
    logs: join(root, 'logs'),
    keptFile: join(root, 'secrets.json'),
    stateFile: join(root, 'stack.json'),
    lockFile: join(root, 'stack.lock'),
  }
}

export async function makePlaces(places: Places): Promise<void> {
  // PostgreSQL and sessions may run as other users: they pass, and list nothing.
  await mkdir(places.directory, { recursive: true, mode: 0o711 })
  await mkdir(places.logs, { recursive: true, mode: 0o700 })
}

/** Forgets all data and keys. What was installed once (a virtual environment) stays. */
export async function removeData(places: Places): Promise<void> {
  const files = ['', '-shm', '-wal'].map((ending) => `${places.temporalFile}${ending}`)
  for (const path of [places.postgres, `${places.postgres}.new`, places.keptFile, places.logs, ...files])
    await rm(path, { recursive: true, force: true })
}
