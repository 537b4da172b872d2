import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { TemplateSpec } from '../domain/template.ts'
import { childEnvironment, type Config, type ProviderConfig } from '../platform/config.ts'
import { ensureImage } from '../ports/compute/docker/build.ts'
import { dockerAnswers, dockerProviderSettings, withEngine } from './docker.ts'
import { builtIn } from './built-in.ts'
import { desktopImage, desktopTemplate, guacdImage } from './desktop.ts'
import { chooseNotebook, notebookImage } from './notebook/choose.ts'
import { repository, type Places } from './places.ts'

export type Kind = 'docker' | 'process'

interface OfferedTemplate {
  readonly name: string
  readonly spec: TemplateSpec
}

/** What the embedded stack offers: one provider, and the built-in notebook on it; where it was asked for, a desktop as well. */
export interface Offer {
  readonly provider: ProviderConfig
  readonly template: OfferedTemplate
  readonly desktop: OfferedTemplate | null
  /** What was chosen, and why. */
  readonly why: string
}

export interface OfferQuestion {
  /** Forces a provider; without it, Docker where a daemon answers. */
  readonly wanted: Kind | undefined
  /** Whether there is to be a desktop: its images take minutes on first use. */
  readonly desktop: boolean
  readonly tools: Config<'tools'>['tools']
  readonly places: Places
  readonly signal: AbortSignal
  readonly say: (word: string) => void
}

const imageTag = 'carrel-notebook:1'
const port = 8888
const startLimit = 4
/** How JupyterLab and the file browser are told the session's secret, without a word of it in an address. */
const bearer = { header: 'authorization', value: 'token {secret}' } as const

/**
 * How many containers begin at once. Fewer leave a processor idle between two steps of the daemon; with more all come later,
 * and the last no sooner; with 32 the daemon becomes ten times slower.
 */
const dockerStartLimit = Math.min(16, Math.max(startLimit, 3 * availableParallelism()))

/** Chooses what the notebook runs on here, and prepares it: an image or a virtual environment on first use. */
export async function makeOffer(question: OfferQuestion): Promise<Offer> {
  const { tools, wanted, places, signal, say } = question
  const docker = wanted === 'process' ? ({ answers: false, why: '' } as const) : await dockerAnswers(tools.docker)
  if (wanted === 'docker' && !docker.answers) throw new Error(`The Docker daemon does not answer: ${docker.why}`)
  const choice = await chooseNotebook({
    docker: docker.answers,
    directory: places.directory,
    path: tools.path,
    environment: childEnvironment({}),
    extraCaFiles: tools.extraCaFiles,
    signal,
    onLine: say,
  })
  if (choice.kind === 'docker') {
    await buildImage(question, { tag: imageTag, context: 'images/notebook' })
    for (const image of question.desktop ? [desktopImage, guacdImage] : []) await buildImage(question, image)
    const provider = { id: 'docker', kind: 'docker', startLimit: dockerStartLimit, networks: ['127.0.0.0/8'] } as const
    const settings = dockerProviderSettings(tools.docker)
    const template = { name: 'notebook', spec: notebook('docker', imageTag, choice.doorPath) }
    const desktop = question.desktop ? desktopTemplate : null
    return { provider: { ...provider, settings }, template, desktop, why: `Docker, because ${choice.why}` }
  }
  if (question.desktop)
    throw new Error(`A desktop runs in Docker alone, and here runs ${choice.flavour} as a local process: ${choice.why}`)
  const settings = { stateDirectory: choice.stateDirectory, images: choice.images }
  const provider = { id: 'process', kind: 'process', startLimit, networks: ['127.0.0.0/8'], settings } as const
  const why = wanted === 'process' ? `${choice.flavour} as a local process, because it was asked for` : choice.why
  return {
    provider,
    desktop: null,
    template: { name: 'notebook', spec: notebook('process', notebookImage, choice.doorPath) },
    why,
  }
}

async function buildImage(
  { tools, signal, say }: OfferQuestion,
  image: { readonly tag: string; readonly context: string },
): Promise<void> {
  await withEngine(dockerProviderSettings(tools.docker), async (engine) => {
    await ensureImage({
      engine,
      tag: image.tag,
      contextDir: join(repository, image.context),
      extraCa: await firstReadable(tools.extraCaFiles),
      buildArgs: tools.proxies,
      signal,
      onProgress: ({ message, percent }) => say(percent === null ? message : `${message} (${percent} %)`),
    })
  })
}

async function firstReadable(files: readonly string[]): Promise<Buffer | null> {
  for (const file of files) {
    const content = await readFile(file).catch(() => null)
    if (content !== null) return content
  }
  return null
}

function notebook(kind: Kind, image: string, doorPath: string): TemplateSpec {
  return {
    ...builtIn,
    title: 'Notebook',
    description: 'A JupyterLab of your own, with a home that goes away with the session.',
    provider: { kind },
    image,
    doors: { web: { protocol: 'http', port, modes: ['control'], path: doorPath, secret: bearer } },
    readiness: { kind: 'http', port, path: '/api', status: 200 },
  }
}
