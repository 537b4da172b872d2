import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { unlink } from 'node:fs/promises'
import { systemEnvironment } from './tools.ts'

/** An exclusive lock across processes. `discard` takes its file along; then nothing of it is left. */
export interface Lock {
  release(discard?: boolean): Promise<void>
}

// The kernel's own lock, held by a child that ends when this process does, however it ends: there is nothing stale to
// detect. A waiter may find that the file was discarded under it; the lock it then has is nobody's, and it tries again.
const discarded = 76
const script = `exec 9>"$1" || exit 2
flock -x -w "$2" 9 || exit 75
[ "$1" -ef /proc/self/fd/9 ] || exit ${discarded}
echo held
exec cat >/dev/null`

/** Takes the lock on a file, made if need be. `null` if others held it for all of `waitMs`, or the signal aborted. */
export async function takeLock(path: string, waitMs: number, signal: AbortSignal): Promise<Lock | null> {
  const until = Date.now() + waitMs
  do {
    if (signal.aborted) return null
    const seconds = Math.max(0.05, (until - Date.now()) / 1_000).toFixed(2)
    const holder = spawn('/bin/sh', ['-c', script, 'carrel-lock', path, seconds], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: systemEnvironment,
    })
    const outcome = await outcomeOf(holder, signal)
    if (outcome === 'held') return lockOf(holder, path)
    if (outcome !== discarded) return null
  } while (Date.now() < until)
  return null
}

/** `held`, or the status with which the holder gave up. */
async function outcomeOf(holder: ChildProcess, signal: AbortSignal): Promise<'held' | number> {
  const abort = () => holder.kill('SIGKILL')
  signal.addEventListener('abort', abort, { once: true })
  holder.stdin?.on('error', () => {}) // it may be gone when it is told to end
  const outcome = await new Promise<'held' | number>((resolve) => {
    holder.stdout?.once('data', () => resolve('held'))
    holder.once('error', () => resolve(2))
    holder.once('exit', (status) => resolve(status ?? 2))
  })
  signal.removeEventListener('abort', abort)
  return outcome
}

const lockOf = (holder: ChildProcess, path: string): Lock => ({
  async release(discard = false) {
    if (discard) await unlink(path).catch(() => {}) // left behind, it is an empty file and still a lock
    if (holder.exitCode !== null || holder.signalCode !== null) return
    const ended = once(holder, 'exit')
    holder.stdin?.end()
    await ended
  },
})
