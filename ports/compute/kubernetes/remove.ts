import { setTimeout as wait } from 'node:timers/promises'
import { allOf } from '../all-of.ts'
import type { InstanceRef, Removed } from '../provider.ts'
import { ApiError } from './api-error.ts'
import type { Api } from './api.ts'
import { orNull, placesOf } from './find.ts'
import { isMarked } from '../marks.ts'
import { objectName, selector } from './names.ts'
import { kinds, pathOf } from './paths.ts'
import type { Kind } from './paths.ts'
import type { KubernetesSettings } from './settings.ts'
import { objectListShape, objectShape } from './shapes.ts'
import type { AnyObject } from './shapes.ts'

const lookMs = 200

/** The owner goes last: as long as anything of it is there, a list shows it. */
const propagationOf = (kind: Kind) => ({ propagationPolicy: kind === 'secrets' ? 'Foreground' : 'Background' })

/**
 * Removes the Pod, and once it is gone whatever carries the instance's labels: its network rules stand for as long as it runs.
 * `removed` only when the cluster, asked again, shows nothing.
 */
export async function removeInstance(
  api: Api,
  ref: InstanceRef,
  settings: KubernetesSettings,
  signal: AbortSignal,
): Promise<Removed> {
  objectName(ref)
  const deadline = AbortSignal.timeout(2 * settings.requestTimeoutMs + settings.stopGraceSeconds * 1_000)
  const both = AbortSignal.any([signal, deadline])
  try {
    const places = placesOf(settings, ref)
    await allOf(places.map(async (namespace) => await clear(api, ref, settings, namespace, both)))
    return { kind: 'removed' }
  } catch (error) {
    if (deadline.aborted && !signal.aborted) return { kind: 'unknown', why: 'it is still there' }
    return { kind: 'unknown', why: error instanceof ApiError ? error.message : 'the time was over' }
  }
}

/** Ends when nothing is left in the namespace. Throws when the time is over, or the cluster does not answer. */
async function clear(
  api: Api,
  ref: InstanceRef,
  settings: KubernetesSettings,
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await removePods(api, ref, settings, namespace, signal)
    const rest = kinds.filter((kind) => kind !== 'pods')
    const left = await allOf(
      rest.map(async (kind) => ({ kind, objects: await labelled(api, kind, ref, namespace, signal) })),
    )
    if (left.every(({ objects }) => objects.length === 0)) {
      // A create on its way may have landed meanwhile.
      if ((await labelled(api, 'pods', ref, namespace, signal)).length === 0) return
      continue
    }
    await allOf(
      left.flatMap(({ kind, objects }) =>
        objects.map(async (object) => await removeOne(api, kind, object, propagationOf(kind), signal)),
      ),
    )
    await wait(lookMs, undefined, { signal })
  }
}

/** Ends the Pods of an instance with their grace, and waits until the cluster no longer knows them. */
async function removePods(
  api: Api,
  ref: InstanceRef,
  { stopGraceSeconds }: KubernetesSettings,
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const pods = await labelled(api, 'pods', ref, namespace, signal)
    if (pods.length === 0) return
    const options = { gracePeriodSeconds: stopGraceSeconds }
    await allOf(pods.map(async (pod) => await removeOne(api, 'pods', pod, options, signal)))
    await wait(lookMs, undefined, { signal })
  }
}

/** Ends this very Pod with its grace, and waits until the cluster no longer knows it. Another one that took its name stays. */
export async function endPod(
  api: Api,
  pod: AnyObject,
  { stopGraceSeconds }: KubernetesSettings,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace, uid } = pod.metadata
  for (;;) {
    const found = await orNull(api.metadata(pathOf(namespace, 'pods', name), objectShape, signal))
    if (found === null || found.metadata.uid !== uid) return
    await removeOne(api, 'pods', found, { gracePeriodSeconds: stopGraceSeconds }, signal)
    await wait(lookMs, undefined, { signal })
  }
}

const labelled = async (api: Api, kind: Kind, ref: InstanceRef, namespace: string, signal: AbortSignal) => {
  const query = { labelSelector: selector(ref.deploymentId, ref.name) }
  const { items } = await api.metadata(pathOf(namespace, kind), objectListShape, signal, query)
  // Nothing goes by a mistake of somebody between.
  return items.filter(({ metadata }) => isMarked(metadata.labels, ref))
}

/** Of this very object, should another have taken its name; one that goes already is left to go. */
async function removeOne(
  api: Api,
  kind: Kind,
  { metadata }: AnyObject,
  options: object,
  signal: AbortSignal,
): Promise<void> {
  if (metadata.deletionTimestamp !== undefined) return
  const path = pathOf(metadata.namespace, kind, metadata.name)
  try {
    await api.remove(path, { ...options, preconditions: { uid: metadata.uid } }, signal)
  } catch (error) {
    // Gone meanwhile, or another one now: the next look tells.
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 409)) throw error
  }
}
