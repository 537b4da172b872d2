import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../rules/imports.ts'

const run = promisify(execFile)

/** The words that call compose on this machine: the plugin of the docker command, or the command of its own; `null`: there is none. */
export async function findCompose(): Promise<readonly [string, ...string[]] | null> {
  for (const words of [['docker', 'compose'], ['docker-compose']] as const) {
    const [command, ...rest] = words
    const found = await run(command, [...rest, 'version'], { timeout: 20_000 }).catch(() => null)
    if (found !== null) return words
  }
  return null
}

export interface ComposeAnswer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Calls compose on the repository's file with these variables, and with none that this machine has. Never throws. */
export async function callCompose(
  [command, ...words]: readonly [string, ...string[]],
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  timeoutMs = 60_000,
): Promise<ComposeAnswer> {
  const { PATH, HOME, DOCKER_HOST } = process.env
  const directory = await mkdtemp(join(tmpdir(), 'carrel-compose-'))
  const file = join(directory, 'variables')
  const plan = { cwd: root, env: { PATH, HOME, DOCKER_HOST }, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 }
  try {
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
    await writeFile(file, lines.join(''), { mode: 0o600 })
    const { stdout, stderr } = await run(command, [...words, '--env-file', file, ...args], plan)
    return { code: 0, stdout, stderr }
  } catch (error) {
    // What `execFile` rejects with has both streams.
    const failed = error as { readonly code?: unknown; readonly stdout?: string; readonly stderr?: string }
    const { stdout = '', stderr = String(error) } = failed
    return { code: typeof failed.code === 'number' ? failed.code : -1, stdout, stderr }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
