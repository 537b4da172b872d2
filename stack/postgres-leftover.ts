import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isAlive, untilGone } from './liveness.ts'

/**
 * A killed stack may leave `postmaster.pid`, and perhaps the server itself. The server is asked to end; a file without
 * its server is removed (its number may belong to somebody else by now, and PostgreSQL would refuse to start). A server
 * that was killed may leave backends that compute on: they are ended, for no other server begins before.
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
  await endBackends(directory)
  await rm(file, { force: true })
}

/** Nobody waits for what they compute any more, and what they have written is recovered as after every crash. */
async function endBackends(directory: string): Promise<void> {
  for (const pid of await processesIn(directory)) {
    endNow(pid)
    await untilGone(pid, 5_000)
  }
}

/** The processes of PostgreSQL that work in this directory, where the system tells. */
async function processesIn(directory: string): Promise<number[]> {
  const place = await realpath(directory)
  const entries = await readdir('/proc').catch((): string[] => [])
  const found = await Promise.all(
    entries.filter(isNumber).map(async (entry) => {
      const name = await readFile(`/proc/${entry}/comm`, 'utf8').catch(() => '')
      return name.trim() === 'postgres' && (await workingDirectory(entry)) === place ? [Number(entry)] : []
    }),
  )
  return found.flat()
}

const isNumber = (entry: string) => /^\d+$/.test(entry)
const workingDirectory = async (pid: string) => await readlink(`/proc/${pid}/cwd`).catch(() => undefined)

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended by itself.
  }
}

async function isPostgresOn(pid: number, directory: string): Promise<boolean> {
  if (!isAlive(pid)) return false
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const words = commandLine.split('\0')
  return words.some((word) => word.endsWith('postgres')) && words.some((word) => resolve(word) === resolve(directory))
}
