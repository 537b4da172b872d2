import { z } from 'zod'
import { openConnection } from '../ports/compute/docker/connection.ts'
import { createEngine, type Engine } from '../ports/compute/docker/engine.ts'
import { markWords } from '../ports/compute/marks.ts'
import { dockerSettings, type DockerSettings } from '../ports/compute/docker/settings.ts'

/** As DOCKER_HOST and its companions say. */
export interface DockerPlace {
  readonly host: string | undefined
  readonly tlsVerify: string | undefined
  readonly certPath: string | undefined
}

const patienceMs = 5_000
const anything = z.unknown()
const listed = z.array(z.object({ Id: z.string() }))
const volumes = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullable() })

/** The settings of a docker provider for the daemon that the environment names, else the local one. */
export function dockerProviderSettings({ host, certPath }: DockerPlace): DockerSettings {
  return dockerSettings.parse({
    ...(host === undefined ? {} : { dockerHost: host }),
    ...(certPath === undefined ? {} : { certPath }),
  })
}

/** Does something with the daemon, and lets go of it. */
export async function withEngine<T>(settings: DockerSettings, work: (engine: Engine) => Promise<T>): Promise<T> {
  const connection = openConnection(settings)
  try {
    return await work(createEngine(connection.docker, settings.requestTimeoutMs))
  } finally {
    connection.close()
  }
}

/** Whether a daemon answers within 5 s; if not, why. */
export async function dockerAnswers(place: DockerPlace): Promise<{ answers: true } | { answers: false; why: string }> {
  try {
    const settings = dockerProviderSettings(place)
    await withEngine(settings, (engine) => engine.json('GET', '/version', anything, AbortSignal.timeout(patienceMs)))
    return { answers: true }
  } catch (error) {
    return { answers: false, why: error instanceof Error ? error.message : 'it does not answer' }
  }
}

export interface DockerCount {
  readonly containers: number
  readonly networks: number
  readonly volumes: number
}

/** What the daemon holds of a deployment, asked from the daemon itself. */
export async function countAtDocker(settings: DockerSettings, deploymentId: string): Promise<DockerCount> {
  const filters = JSON.stringify({ label: markWords(deploymentId) })
  return withEngine(settings, async (engine) => {
    const ask = <T>(path: string, shape: z.ZodType<T>, query: Record<string, string | boolean>) =>
      engine.json('GET', path, shape, AbortSignal.timeout(30_000), { query })
    const containers = await ask('/containers/json', listed, { filters, all: true })
    const networks = await ask('/networks', listed, { filters })
    const found = await ask('/volumes', volumes, { filters })
    return { containers: containers.length, networks: networks.length, volumes: found.Volumes?.length ?? 0 }
  })
}
