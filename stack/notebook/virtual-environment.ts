import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repository } from '../places.ts'
import { jupyterConfig } from './jupyter-config.ts'
import type { Python } from './python.ts'
import { runStep, type Step, type StepEnd } from './run-step.ts'

export const requirement = 'jupyterlab>=4.2,<5'
/** Who is let in, as the image has it. */
const identity = join(repository, 'images/notebook/session_identity.py')
const makeLimitMs = 2 * 60_000
const installLimitMs = 10 * 60_000

export interface Making {
  readonly python: Python
  readonly directory: string
  /** The environment of pip, its certificate authorities in it. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly onLine: (line: string) => void
}

export type Made = { readonly kind: 'ready' } | { readonly kind: 'failed'; readonly why: string }

/** Makes the virtual environment with JupyterLab, unless it is there, whole, and of this Python. A half-made one is made anew. */
export async function makeVirtualEnvironment(making: Making): Promise<Made> {
  const { python, directory } = making
  const complete = join(directory, '.carrel-complete')
  const mark = JSON.stringify({ python, requirement })
  if ((await readFile(complete, 'utf8').catch(() => null)) !== mark) {
    await rm(directory, { recursive: true, force: true })
    making.onLine(`making a virtual environment with ${python.executable}`)
    const end = await install(making)
    if (end.kind === 'failed') {
      await rm(directory, { recursive: true, force: true })
      return end
    }
    await writeFile(complete, mark)
  }
  await mkdir(join(directory, 'etc/jupyter'), { recursive: true })
  await writeFile(join(directory, 'etc/jupyter/jupyter_server_config.py'), jupyterConfig)
  await copyFile(identity, join(directory, 'etc/jupyter/session_identity.py'))
  return { kind: 'ready' }
}

async function install(making: Making): Promise<StepEnd> {
  const { python, directory, onLine } = making
  const step = (name: string, args: readonly string[], limitMs: number): Step => ({
    ...making,
    name,
    command: python.executable,
    args,
    limitMs,
    onLine: () => {},
  })
  const inside = join(directory, 'bin/python')
  const pip = ['install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off', requirement]
  const made = await runStep(step('venv', ['-m', 'venv', directory], makeLimitMs))
  if (made.kind === 'done') {
    return await runStep({
      ...step('pip', ['-m', 'pip', ...pip], installLimitMs),
      command: inside,
      onLine: shown(onLine),
    })
  }
  // Debian's Python comes without ensurepip; its own pip, where there is one, can install into another environment.
  await rm(directory, { recursive: true, force: true })
  const bare = await runStep(step('venv', ['-m', 'venv', '--without-pip', directory], makeLimitMs))
  if (bare.kind === 'failed') return bare
  const args = ['-m', 'pip', '--python', inside, ...pip]
  const installed = await runStep({ ...step('pip', args, installLimitMs), onLine: shown(onLine) })
  return installed.kind === 'done' ? installed : { kind: 'failed', why: `${made.why}; ${installed.why}` }
}

/** What of pip's output tells how far it is. */
const shown = (onLine: (line: string) => void) => (line: string) => {
  const [, verb, what] = /^(Collecting|Installing collected packages:|Successfully installed) ?(\S+)?/.exec(line) ?? []
  if (verb === 'Collecting') onLine(`collecting ${what}`)
  if (verb === 'Installing collected packages:') onLine('installing the packages')
  if (verb === 'Successfully installed') onLine('JupyterLab is installed')
}
