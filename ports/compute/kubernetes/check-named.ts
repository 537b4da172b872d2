import type { CheckFinding } from '../../../domain/provider-check.ts'
import { ApiError } from './api-error.ts'
import type { Api } from './api.ts'
import { orNull } from './find.ts'
import { pathOf } from './paths.ts'
import { classesOf, mainContainer } from './pod.ts'
import type { KubernetesSettings } from './settings.ts'
import { objectShape } from './shapes.ts'

interface Named {
  readonly api: Api
  readonly settings: KubernetesSettings
}

const missing = (about: string): CheckFinding => ({ code: 'named_missing', level: 'missing', about })

/** What the settings name in a namespace, and the namespace itself, where it is not there. Makes nothing. */
export async function checkNamed(named: Named, namespace: string, signal: AbortSignal): Promise<CheckFinding[]> {
  const { api, settings } = named
  const secrets = await Promise.all(
    settings.imagePullSecrets.map(async (name) => {
      const found = await orNull(api.metadata(pathOf(namespace, 'secrets', name), objectShape, signal))
      return found === null ? [missing(`imagePullSecrets ${name} in ${namespace}`)] : []
    }),
  )
  const untaken = await whyNotTaken(named, namespace, signal)
  return [...secrets.flat(), ...(untaken === null ? [] : [missing(untaken)])]
}

/** What is named and belongs to the whole cluster, a Role cannot ask for: a Pod that is only tried is refused for it. */
async function whyNotTaken({ api, settings }: Named, namespace: string, signal: AbortSignal): Promise<string | null> {
  const { priorityClass, runtimeClass } = settings
  try {
    await api.tryOut(pathOf(namespace, 'pods'), triedPod(settings), signal)
    return null
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === null) throw error
    if (error.status === 404) return `namespace ${namespace}`
    if (priorityClass !== undefined && /no PriorityClass with name /.test(error.message))
      return `priorityClass ${priorityClass}`
    if (runtimeClass !== undefined && /RuntimeClass \S+ not found/.test(error.message))
      return `runtimeClass ${runtimeClass}`
    return null
  }
}

const triedPod = (settings: KubernetesSettings): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'carrel-check' },
  spec: { containers: [{ name: mainContainer, image: 'carrel/check:1' }], ...classesOf(settings) },
})
