import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Runs Node in the repository. The exit code, or null where the time was up; then nothing of the process's group is left. */
export async function runBounded(
  args: readonly string[],
  limitMs: number,
  variables: Readonly<Record<string, string>> = {},
): Promise<number | null> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  })
  let timeUp = false
  const killGroup = () => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  const limit = setTimeout(() => {
    timeUp = true
    killGroup()
  }, limitMs)
  const onSignal = () => {
    killGroup()
    process.exit(130)
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const code = await new Promise<number>((resolve) => {
    child.once('exit', (status) => resolve(status ?? 1))
    child.once('error', () => resolve(1))
  })
  clearTimeout(limit)
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  return timeUp ? null : code
}
