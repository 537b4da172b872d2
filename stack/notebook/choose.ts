import { copyFile, cp, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findTools } from '../../ports/compute/process/tools.ts'
import { gatherAuthorities } from './authorities.ts'
import { barredFor, findPlace } from './place.ts'
import { findPythons, type Python } from './python.ts'
import { makeVirtualEnvironment } from './virtual-environment.ts'

export interface NotebookQuestion {
  /** Whether a Docker daemon answered. */
  readonly docker: boolean
  /** The stack's data directory, absolute. */
  readonly directory: string
  /** Where to look for Python, as in PATH. */
  readonly path: string
  /** The environment that pip gets. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Files with certificate authorities; what does not exist is left out. */
  readonly extraCaFiles: readonly string[]
  readonly signal: AbortSignal
  /** What is being done now, a line each. */
  readonly onLine: (line: string) => void
}

/** What the built-in notebook template runs, and why. */
export type NotebookChoice =
  | { readonly kind: 'docker'; readonly flavour: 'jupyterlab'; readonly why: string; readonly doorPath: string }
  | {
      readonly kind: 'process'
      readonly flavour: 'jupyterlab' | 'file-browser'
      readonly why: string
      /** Below the door's host; `{secret}` stands for the session's secret. `/api` answers 200 without it, once it is up. */
      readonly doorPath: string
      /** For the process provider's settings. */
      readonly stateDirectory: string
      readonly images: Readonly<Record<typeof notebookImage, NotebookCommand>>
    }

export interface NotebookCommand {
  readonly command: string[]
  readonly environment: Record<string, string>
  readonly readable: string[]
}

export const notebookImage = 'notebook'
const jupyterPath = '/lab?token={secret}'

/**
 * Chooses what the built-in notebook runs here, and prepares it: JupyterLab in Docker; without a daemon JupyterLab as a
 * local process, installed on first use; without Python a file browser. Throws, with the reason, where there is no Docker and
 * this machine cannot run local processes either: those need Linux.
 */
export async function chooseNotebook(question: NotebookQuestion): Promise<NotebookChoice> {
  if (question.docker)
    return { kind: 'docker', flavour: 'jupyterlab', why: 'a Docker daemon answers', doorPath: jupyterPath }
  const tools = findTools('auto')
  const othersMustReach = tools.asRoot && tools.bwrap === null
  const place = await findPlace(question.directory, othersMustReach)
  const stateDirectory = join(place, 'process')
  const jupyter = await prepareJupyter(question, place, othersMustReach)
  if (jupyter.kind === 'ready') {
    const why = 'no Docker daemon answers; JupyterLab runs as a local process'
    return {
      kind: 'process',
      flavour: 'jupyterlab',
      why,
      doorPath: jupyterPath,
      stateDirectory,
      images: jupyter.images,
    }
  }
  const why = `no Docker daemon answers, and JupyterLab cannot run as a local process: ${jupyter.why}`
  const images = await prepareFileBrowser(place, othersMustReach)
  return { kind: 'process', flavour: 'file-browser', why, doorPath: '/?token={secret}', stateDirectory, images }
}

type Prepared =
  | { readonly kind: 'ready'; readonly images: { readonly [notebookImage]: NotebookCommand } }
  | { readonly kind: 'failed'; readonly why: string }

async function prepareJupyter(question: NotebookQuestion, place: string, othersMustReach: boolean): Promise<Prepared> {
  const pythons = await findPythons(question.path)
  const python = othersMustReach ? pythons.find(isReachable) : pythons[0]
  if (python === undefined)
    return {
      kind: 'failed',
      why: pythons.length === 0 ? 'there is no Python 3.9 or later' : 'sessions cannot reach Python',
    }
  const directory = join(place, 'venv')
  const authorities = await gatherAuthorities(question.extraCaFiles, place)
  const made = await makeVirtualEnvironment({
    python,
    directory,
    env: { ...question.environment, ...(authorities === null ? {} : { PIP_CERT: authorities }) },
    signal: question.signal,
    onLine: question.onLine,
  })
  if (made.kind === 'failed') return made
  const command = [join(directory, 'bin/python'), '-m', 'jupyterlab']
  return {
    kind: 'ready',
    images: {
      [notebookImage]: {
        command,
        environment: {},
        readable: [directory, ...(python.prefix === '/usr' ? [] : [python.prefix])],
      },
    },
  }
}

const isReachable = ({ executable, prefix }: Python) => barredFor(executable) === null && barredFor(prefix) === null

/** Node and the file browser as they are; or, where sessions cannot reach them, copies that they can. */
async function prepareFileBrowser(place: string, othersMustReach: boolean) {
  const here = dirname(fileURLToPath(import.meta.url))
  const reachable = !othersMustReach || (barredFor(process.execPath) === null && barredFor(here) === null)
  const scripts = reachable ? here : join(place, 'file-browser')
  const manifest = reachable ? join(here, '../../package.json') : join(scripts, 'package.json') // says that these are modules
  const node = reachable ? process.execPath : join(scripts, 'node')
  if (!reachable) {
    await mkdir(scripts, { recursive: true, mode: 0o755 })
    await copyFile(process.execPath, node)
    for (const name of ['file-browser.ts', 'browser-token.ts', 'browser-page.ts'])
      await cp(join(here, name), join(scripts, name))
    await cp(join(here, '../../package.json'), manifest)
  }
  const command = [node, join(scripts, 'file-browser.ts'), '127.0.0.1', '{port}', '{home}', '{secretFile}']
  return { [notebookImage]: { command, environment: {}, readable: [dirname(node), scripts, manifest] } }
}
