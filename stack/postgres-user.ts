import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface PostgresUser {
  readonly uid: number
  readonly gid: number
  /** It must pass directories that are closed to it (a clone under /root). */
  readonly reachAll: boolean
}

/**
 * Who PostgreSQL runs as: ourselves, except that it refuses to run as root; then the system's `postgres` user, which
 * is made where it is absent.
 */
export async function postgresUser(paths: readonly string[]): Promise<PostgresUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const known = (await idsOf('postgres')) ?? (await createUser())
  const open = await Promise.all(paths.map(isOpenToAll))
  return { ...known, reachAll: open.includes(false) }
}

async function idsOf(name: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const uid = await run('id', ['-u', name], { timeout: 5_000 })
    const gid = await run('id', ['-g', name], { timeout: 5_000 })
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch {
    return undefined
  }
}

async function createUser(): Promise<{ uid: number; gid: number }> {
  await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'], {
    timeout: 10_000,
  })
  const made = await idsOf('postgres')
  if (made === undefined) throw new Error('PostgreSQL does not run as root, and a user `postgres` could not be made')
  return made
}

/** Whether everybody may pass all directories above a path. */
async function isOpenToAll(path: string): Promise<boolean> {
  for (let directory = dirname(resolve(path)); ; directory = dirname(directory)) {
    const found = await stat(directory).catch(() => undefined)
    if (found !== undefined && (found.mode & 0o001) === 0) return false
    if (directory === dirname(directory)) return true
  }
}
