import type { InstanceRef, InstanceState } from '../provider.ts'
import { ApiError, isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { findStanding } from './find.ts'
import type { Standing } from './find.ts'
import { inspectInstance } from './inspect.ts'
import type { Deps } from './inspect.ts'
import { stageOf } from './names.ts'
import { createOne } from './make.ts'
import { keptPod } from './owner.ts'
import { pathOf } from './paths.ts'
import { endPod } from './remove.ts'
import { Refusal } from '../refusal.ts'
import { ownerShape, podShape } from './shapes.ts'
import type { Pod } from './shapes.ts'
import { setStage } from './stage.ts'
import { neverRan, readPod } from './states.ts'

const changed: InstanceState = { kind: 'unknown', why: 'somebody else paused or woke it meanwhile' }

/**
 * The Pod goes; its volume and all the rest stays. `paused` only when the cluster no longer knows the Pod. It is the Pod that was
 * there before this was written down: a call that comes late touches none that woke since.
 */
export async function pauseInstance(deps: Deps, ref: InstanceRef, signal: AbortSignal): Promise<InstanceState> {
  return await withOwner(deps, ref, signal, async ({ owner, pod, namespace }) => {
    const stage = stageOf(owner.metadata.labels)
    // It was lost, or is made this moment.
    if (pod === null && stage === 'made') return await inspectInstance(deps, ref, signal)
    if (stage !== 'pausing' && (await setStage(deps.api, { namespace, owner }, 'pausing', signal)) === null)
      return changed
    const rests = pod === null || (await isGone(deps, pod, signal))
    return rests ? { kind: 'paused' } : { kind: 'pending', reason: 'it is being paused' }
  })
}

/** Whether the Pod is gone, within the time that it has for that. */
async function isGone({ api, settings }: Deps, pod: Pod, signal: AbortSignal): Promise<boolean> {
  const patience = AbortSignal.timeout(settings.requestTimeoutMs + settings.stopGraceSeconds * 1_000)
  try {
    await endPod(api, pod, settings, AbortSignal.any([signal, patience]))
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
    const stage = stageOf(owner.metadata.labels)
    if (stage === 'pausing' || stage === 'resuming') {
      // It must be gone before another one takes its name.
      const goes = pod !== null && (stage === 'pausing' || isOver(pod, api.now()))
      if (goes && !(await isGone(deps, pod, signal))) return { kind: 'unknown', why: 'it is still being paused' }
      const waking = stage === 'resuming' ? owner : await setStage(api, { namespace, owner }, 'resuming', signal)
      if (waking === null) return changed
      if (!(await madeAgain(api, { namespace, name: owner.metadata.name }, signal))) {
        await setStage(api, { namespace, owner: waking }, 'pausing', signal)
        return { kind: 'paused' }
      }
    }
    return await inspectInstance(deps, ref, signal)
  })
}

/** It is on its way out, or was refused by its machine. */
const isOver = (pod: Pod, now: number): boolean =>
  pod.metadata.deletionTimestamp !== undefined || neverRan(readPod(pod, 'resuming', now))

/** Whether the Pod stands; it may have stood before. */
async function madeAgain(
  api: Api,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<boolean> {
  const kept = keptPod(await api.get(pathOf(namespace, 'secrets', name), ownerShape, signal))
  if (kept === null) return false
  try {
    await createOne(api, pathOf(namespace, 'pods'), kept, podShape, signal)
    return true
  } catch (error) {
    if (error instanceof Refusal) return false
    if (isStatus(error, 409) && error.reason === 'AlreadyExists') return true
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
