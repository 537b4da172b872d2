import { readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isAlive, untilGone } from './liveness.ts'

/**
 * A killed stack may leave `postmaster.pid`, and perhaps the server itself. The server is asked to end; a file without
 * its server is removed (its number may belong to somebody else by now, and PostgreSQL would refuse to start).
 */
export async function endStalePostmaster(directory: string): Promise<void> {
  const file = join(directory, 'postmaster.pid')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return
  const pid = Number(text.split('\n')[0])
  if (Number.isInteger(pid) && pid > 1 && (await isPostgresOn(pid, directory))) {
    process.kill(pid, 'SIGINT')
    if (!(await untilGone(pid, 10_000))) process.kill(pid, 'SIGKILL')
    await untilGone(pid, 5_000)
  }
  await rm(file, { force: true })
}

async function isPostgresOn(pid: number, directory: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const words = commandLine.split('\0')
  return words.some((word) => word.endsWith('postgres')) && words.some((word) => resolve(word) === resolve(directory))
}
