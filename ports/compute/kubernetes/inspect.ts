import type { InstanceRef, InstanceState } from '../provider.ts'
import { ApiError } from './api-error.ts'
import type { Api } from './api.ts'
import { explain } from './events.ts'
import { findStanding } from './find.ts'
import type { Standing } from './find.ts'
import { instanceState } from './instance-state.ts'
import { stageOf } from './names.ts'
import type { Stage } from './names.ts'
import type { KubernetesSettings } from './settings.ts'
import { setStage } from './stage.ts'
import { readPod } from './states.ts'

export interface Deps {
  readonly api: Api
  readonly settings: KubernetesSettings
  readonly networks: readonly string[]
}

/** The instance's state as the cluster tells it now. */
export async function inspectInstance(deps: Deps, ref: InstanceRef, signal: AbortSignal): Promise<InstanceState> {
  try {
    const find = async () => await findStanding(deps.api, deps.settings, ref, signal)
    const first = await find()
    // Made between the two looks, it is there at the next.
    const standing = first !== null && hasLostPod(first) ? await find() : first
    return standing === null ? { kind: 'absent' } : await stateOf(deps, standing, signal)
  } catch (error) {
    if (error instanceof ApiError) return { kind: 'unknown', why: error.message }
    throw error
  }
}

const hasLostPod = ({ owner, pod }: Standing): boolean =>
  pod === null && owner !== null && stageOf(owner.metadata.labels) === 'made'

async function stateOf(deps: Deps, standing: Standing, signal: AbortSignal): Promise<InstanceState> {
  const { api, settings, networks } = deps
  const { owner, pod, service, namespace } = standing
  const stage = owner === null ? null : stageOf(owner.metadata.labels)
  if (pod === null) return withoutPod(stage, owner?.metadata.deletionTimestamp !== undefined)
  const ground = { settings, networks, now: api.now() }
  const reading = await explain(api, pod, readPod(pod, stage, ground.now), signal)
  const state = instanceState(reading, { pod, service, stage }, ground)
  if (stage !== 'resuming' || state.kind !== 'running' || owner === null) return state
  // From then on a Pod that is missing is one that was lost, so nobody may count on it before.
  const noted = await setStage(api, { namespace, owner }, 'made', signal)
  return noted === null ? { kind: 'pending', reason: 'it wakes' } : state
}

/** What an owner without its Pod means. */
export function withoutPod(stage: Stage | null, leaving: boolean): InstanceState {
  if (leaving) return { kind: 'absent' }
  switch (stage) {
    case 'making':
      return { kind: 'pending', reason: 'its Pod is being made' }
    case 'made':
      return { kind: 'absent' }
    case 'pausing':
      return { kind: 'paused' }
    case 'resuming':
      return { kind: 'pending', reason: 'it wakes' }
    case null:
      return { kind: 'unknown', why: 'it does not say how far it has come' }
    default:
      return stage satisfies never
  }
}
