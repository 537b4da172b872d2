import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Progress } from '../provider.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { hash } from './names.ts'
import { imageShape } from './shapes.ts'
import { tar } from './tar.ts'
import type { TarEntry } from './tar.ts'

export interface ImageBuild {
  readonly engine: Engine
  /** `name:tag` of the result. */
  readonly tag: string
  /** A flat directory with a Dockerfile. */
  readonly contextDir: string
  /** Certificates (PEM) that the build trusts beside its own, as file `extra-ca.pem` of the context; never in the result. */
  readonly extraCa: Buffer | null
  /** Values of build arguments; the names of proxies need no declaration in the Dockerfile and stay out of the result. */
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

const contextLabel = 'carrel.context'
/** On what a build leaves beside its result; removed after it. */
const stageLabel = 'carrel.build-stage'
/** A step that prints nothing for this long has failed. */
const silenceMs = 5 * 60_000
const buildLimitMs = 20 * 60_000

const buildLine = z.object({ stream: z.string().default(''), error: z.string().optional() })

/**
 * The image of this directory, built unless the tag already names one of the same content. Works with the daemon's
 * oldest builder, on the machine's own network. Throws `EngineError` with the builder's last words.
 */
export async function ensureImage(build: ImageBuild): Promise<'present' | 'built'> {
  const { engine, tag, signal } = build
  const entries = await contextOf(build.contextDir)
  const digest = hash(
    entries.map(({ path, content }) => `${path}\n${hash(content?.toString('base64') ?? '')}`).join('\n'),
  )
  if ((await presentDigest(engine, tag, signal)) === digest) return 'present'
  const context = tar([...entries, { path: 'extra-ca.pem', content: build.extraCa ?? Buffer.alloc(0), mode: 0o644 }])
  const query = {
    t: tag,
    networkmode: 'host',
    rm: true,
    forcerm: true,
    labels: JSON.stringify({ [contextLabel]: digest }),
    buildargs: JSON.stringify(build.buildArgs ?? {}),
  }
  await follow(build, { query, archive: context, timeoutMs: silenceMs })
  await dropLeftovers(engine, signal)
  return 'built'
}

async function follow({ engine, signal, onProgress, tag }: ImageBuild, request: Parameters<Engine['lines']>[2]) {
  const both = AbortSignal.any([signal, AbortSignal.timeout(buildLimitMs)])
  let lastWords = ''
  for await (const raw of engine.lines('/build', both, request)) {
    const line = buildLine.safeParse(raw)
    if (!line.success) continue
    const { stream, error } = line.data
    if (error !== undefined) throw new EngineError(503, `${tag} was not built: ${error}; ${lastWords}`)
    if (stream.trim() !== '') lastWords = stream.trim().slice(-200)
    const progress = buildProgress(stream)
    if (progress !== null) onProgress?.(progress)
  }
}

/** The builder says "Step 3/7 : RUN …" when it begins one; `null` for every other line. */
export function buildProgress(line: string): Progress | null {
  const [, step, steps] = /^Step (\d+)\/(\d+) : /.exec(line) ?? []
  if (step === undefined || steps === undefined) return null
  const percent = Math.floor(((Number(step) - 1) / Number(steps)) * 100)
  return { message: `Building the image, step ${step} of ${steps}`, percent }
}

async function contextOf(directory: string): Promise<TarEntry[]> {
  const names = (await readdir(directory)).sort()
  return await Promise.all(
    names.map(async (path) => ({ path, content: await readFile(join(directory, path)), mode: 0o644 })),
  )
}

async function presentDigest(engine: Engine, tag: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await engine.json('GET', `/images/${tag}/json`, imageShape, signal)).Config.Labels[contextLabel]
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return undefined
    throw error
  }
}

/** The stages before the last hold what the result leaves out; an earlier result lost its tag to this one. */
async function dropLeftovers(engine: Engine, signal: AbortSignal): Promise<void> {
  for (const label of [stageLabel, contextLabel]) {
    const filters = JSON.stringify({ dangling: ['true'], label: [label] })
    await engine.done('POST', '/images/prune', signal, { query: { filters }, timeoutMs: 120_000 }).catch(() => 0)
  }
}
