import type { CallContext, Created, InstanceSpec } from '../provider.ts'
import { ApiError } from './api-error.ts'
import { namespaceFor } from './find.ts'
import type { Deps } from './inspect.ts'
import { ensureAround, ensureOwner, ensurePod, requireClaims } from './make.ts'
import { objectName, stageOf } from './names.ts'
import { objection } from './objection.ts'
import { podManifest } from './pod.ts'
import { Refusal } from '../refusal.ts'
import { unavailable } from './refusals.ts'
import { removeInstance } from './remove.ts'
import type { Owner } from './shapes.ts'
import { noteMade } from './stage.ts'
import { claimsOf } from './volumes.ts'
import { watchStart } from './watch.ts'

/**
 * The owner, what stands around the Pod, the Pod: each made or found, so that any number of calls at once, or after one
 * another's deaths, come to the same one instance. What is refused leaves nothing behind.
 */
export async function createInstance(deps: Deps, spec: InstanceSpec, call: CallContext): Promise<Created> {
  const objected = objection(spec, deps.settings)
  if (objected !== null) return { kind: 'refused', ...objected }
  const namespace = namespaceFor(deps.settings, spec.projectId)
  try {
    return await makeOrAdopt(deps, spec, namespace, call)
  } catch (error) {
    if (error instanceof Refusal) {
      const ref = { name: spec.name, deploymentId: spec.deploymentId, ids: { namespace } }
      await removeInstance(deps.api, ref, deps.settings, call.signal)
      return { kind: 'refused', code: error.code, detail: error.message }
    }
    if (error instanceof ApiError) return unavailable(error)
    throw error
  }
}

async function makeOrAdopt(deps: Deps, spec: InstanceSpec, namespace: string, call: CallContext): Promise<Created> {
  const { api, settings } = deps
  const { signal } = call
  const manifest = podManifest(spec, namespace, settings)
  const { kind, object: owner } = await ensureOwner(api, spec, namespace, manifest, signal)
  const stage = stageOf(owner.metadata.labels)
  if (stage === 'making') {
    await requireClaims(api, claimsOf(spec), namespace, signal)
    call.progress?.({ message: 'Making its network rules', percent: null })
    await ensureAround(api, spec, namespace, owner, settings, signal)
    call.progress?.({ message: 'Starting', percent: null })
    await ensurePod(api, spec, namespace, manifest, owner, signal)
    await noteMade(api, namespace, owner, signal)
  }
  // One that rests or wakes was made long ago; of one that was made, the Pod may be gone by now, which an inspection tells.
  if (stage === 'making' || stage === 'made') await watchStart(deps, namespace, objectName(spec), call)
  return answer(kind, spec, namespace, owner)
}

const answer = (kind: 'made' | 'adopted', spec: InstanceSpec, namespace: string, owner: Owner): Created => ({
  kind,
  ref: { name: spec.name, deploymentId: spec.deploymentId, ids: { namespace, owner: owner.metadata.uid } },
})
