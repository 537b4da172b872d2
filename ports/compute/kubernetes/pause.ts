import type { InstanceRef, InstanceState } from '../provider.ts'
import { ApiError } from './api-error.ts'
import type { Api } from './api.ts'
import { findStanding } from './find.ts'
import type { Standing } from './find.ts'
import { inspectInstance } from './inspect.ts'
import type { Deps } from './inspect.ts'
import { stageOf } from './names.ts'
import { keptPod } from './owner.ts'
import { pathOf } from './paths.ts'
import { refusalOf } from './refusals.ts'
import { removePods } from './remove.ts'
import { ownerShape, podShape } from './shapes.ts'
import { setStage } from './stage.ts'

/** The Pod goes; its volume and all the rest stays. `paused` only when the cluster no longer knows the Pod. */
export async function pauseInstance(deps: Deps, ref: InstanceRef, signal: AbortSignal): Promise<InstanceState> {
  return await withOwner(deps, ref, signal, async ({ owner, namespace }) => {
    await setStage(deps.api, { namespace, name: owner.metadata.name }, 'pausing', signal)
    const rests = await podGone(deps, ref, namespace, signal)
    return rests ? { kind: 'paused' } : { kind: 'pending', reason: 'it is being paused' }
  })
}

/** Whether the Pod is gone, within the time that it has for that. */
async function podGone(
  { api, settings }: Deps,
  ref: InstanceRef,
  namespace: string,
  signal: AbortSignal,
): Promise<boolean> {
  const patience = AbortSignal.timeout(settings.requestTimeoutMs + settings.stopGraceSeconds * 1_000)
  try {
    await removePods(api, ref, settings, namespace, AbortSignal.any([signal, patience]))
    return true
  } catch (error) {
    if (patience.aborted && !signal.aborted) return false
    throw error
  }
}

/** Makes the Pod again as its owner keeps it. `paused`: the cluster would not take it. */
export async function resumeInstance(deps: Deps, ref: InstanceRef, signal: AbortSignal): Promise<InstanceState> {
  return await withOwner(deps, ref, signal, async ({ owner, pod, namespace }) => {
    const { api } = deps
    const at = { namespace, name: owner.metadata.name }
    const stage = stageOf(owner.metadata.labels)
    if (stage === 'pausing') {
      // It must be gone before another one takes its name.
      if (pod !== null && !(await podGone(deps, ref, namespace, signal)))
        return { kind: 'unknown', why: 'it is still being paused' }
      await setStage(api, at, 'resuming', signal)
    }
    if (stage === 'pausing' || stage === 'resuming') {
      if (!(await madeAgain(api, at, signal))) {
        await setStage(api, at, 'pausing', signal)
        return { kind: 'paused' }
      }
    }
    return await inspectInstance(deps, ref, signal)
  })
}

/** Whether the Pod stands; it may have stood before. */
async function madeAgain(
  api: Api,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<boolean> {
  const kept = keptPod(await api.get(pathOf(namespace, 'secrets', name), ownerShape, signal))
  if (kept === null) return false
  try {
    await api.create(pathOf(namespace, 'pods'), kept, podShape, signal)
    return true
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    if (error.status === 409) return true
    if (refusalOf(error) !== null) return false
    throw error
  }
}

type Owned = Standing & { readonly owner: NonNullable<Standing['owner']> }

/** Does it to what is there; what goes, or is not there, is `absent`. */
async function withOwner(
  deps: Deps,
  ref: InstanceRef,
  signal: AbortSignal,
  deed: (standing: Owned) => Promise<InstanceState>,
): Promise<InstanceState> {
  try {
    const standing = await findStanding(deps.api, deps.settings, ref, signal)
    if (standing === null || standing.owner === null) return { kind: 'absent' }
    const { owner } = standing
    if (owner.metadata.deletionTimestamp !== undefined) return { kind: 'absent' }
    return await deed({ ...standing, owner })
  } catch (error) {
    if (error instanceof ApiError) return { kind: 'unknown', why: error.message }
    if (signal.aborted) return { kind: 'unknown', why: 'cancelled' }
    throw error
  }
}
