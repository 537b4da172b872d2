import { setTimeout as wait } from 'node:timers/promises'
import type { V1Pod } from '@kubernetes/client-node'
import type { z } from 'zod'
import type { InstanceSpec } from '../provider.ts'
import { ApiError, isStatus } from './api-error.ts'
import type { Api } from './api.ts'
import { claimManifest, serviceManifest } from './around.ts'
import { orNull } from './find.ts'
import { isMarked } from '../marks.ts'
import { objectName } from './names.ts'
import { ownedBy, ownerSecret } from './owner.ts'
import { pathOf } from './paths.ts'
import type { Kind } from './paths.ts'
import { policyManifest } from './policy.ts'
import { Refusal } from '../refusal.ts'
import { refusalOf } from './refusals.ts'
import type { KubernetesSettings } from './settings.ts'
import { objectShape, ownerShape, podShape } from './shapes.ts'
import type { AnyObject, Owner, Pod } from './shapes.ts'

/** Two who write one object at once may meet, be it the count of a quota: for whoever comes second nothing was done. */
const tries = 8
const soonestMs = 20

export interface Made<T> {
  readonly kind: 'made' | 'adopted'
  readonly object: T
}

/** The owner, made by this call or by an earlier one. Throws `Refusal` and `ApiError`. */
export async function ensureOwner(
  api: Api,
  spec: InstanceSpec,
  namespace: string,
  pod: V1Pod,
  signal: AbortSignal,
): Promise<Made<Owner>> {
  return await makeOnce(api, 'secrets', ownerSecret(spec, namespace, pod), ownerShape, spec, namespace, signal)
}

/** The Pod. Made once and never changed: what is there under its name is taken as it is, and not applied again. */
export const ensurePod = async (
  api: Api,
  spec: InstanceSpec,
  namespace: string,
  pod: V1Pod,
  owner: Owner,
  signal: AbortSignal,
): Promise<Made<Pod>> => {
  const { apiVersion, kind, metadata, spec: what } = pod
  const body = { apiVersion, kind, metadata: { ...plainly(metadata), ownerReferences: ownedBy(owner) }, spec: what }
  return await makeOnce(api, 'pods', body, podShape, spec, namespace, signal)
}

/** The library's classes are no more than their fields here. */
const plainly = (metadata: V1Pod['metadata']): object => Object.fromEntries(Object.entries(metadata ?? {}))

/** What stands around a Pod: the rules of its network before it, so that it never runs without them. */
export async function ensureAround(
  api: Api,
  spec: InstanceSpec,
  namespace: string,
  owner: Owner,
  settings: KubernetesSettings,
  signal: AbortSignal,
): Promise<void> {
  const [service, claim] = [serviceManifest(spec, namespace, owner), claimManifest(spec, namespace, owner)]
  const name = objectName(spec)
  const deeds = await Promise.allSettled([
    applied(api, pathOf(namespace, 'networkpolicies', name), policyManifest(spec, namespace, owner, settings), signal),
    service === null ? null : applied(api, pathOf(namespace, 'services', name), service, signal),
    claim === null ? null : applied(api, pathOf(namespace, 'persistentvolumeclaims', name), claim, signal),
  ])
  // None goes on after another failed; a refusal counts before an error.
  const reasons = deeds.flatMap((deed): unknown[] => (deed.status === 'rejected' ? [deed.reason] : []))
  if (reasons.length > 0) throw reasons.find((reason) => reason instanceof Refusal) ?? reasons[0]
}

/** Throws `Refusal` for a claim beside the sessions that is not there: a Pod would wait for it for ever. */
export async function requireClaims(
  api: Api,
  claims: readonly string[],
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  for (const claim of claims) {
    const path = pathOf(namespace, 'persistentvolumeclaims', claim)
    const found = await orNull(api.metadata(path, objectShape, signal))
    if (found === null) throw new Refusal('template_unfit', `no claim ${claim} in ${namespace}`)
  }
}

/** Makes an object, or takes the one of its name if that is ours. */
async function makeOnce<T extends AnyObject>(
  api: Api,
  kind: Kind,
  body: object,
  shape: z.ZodType<T>,
  spec: InstanceSpec,
  namespace: string,
  signal: AbortSignal,
): Promise<Made<T>> {
  try {
    return { kind: 'made', object: await createOne(api, pathOf(namespace, kind), body, shape, signal) }
  } catch (error) {
    if (!isStatus(error, 409)) throw error
    const found = await orNull(api.get(pathOf(namespace, kind, objectName(spec)), shape, signal))
    if (found === null) throw new ApiError(409, 'it was removed while it was made')
    if (!isMarked(found.metadata.labels, spec))
      throw new Refusal('start_failed', `the name ${objectName(spec)} is taken by what is not Carrel's`)
    if (found.metadata.deletionTimestamp !== undefined) throw new ApiError(409, 'it is being removed')
    return { kind: 'adopted', object: found }
  }
}

/** Makes an object. Throws `Refusal` for what the cluster would never make, and `ApiError`: 409 where its name is taken. */
export const createOne = async <T>(
  api: Api,
  path: string,
  body: object,
  shape: z.ZodType<T>,
  signal: AbortSignal,
): Promise<T> =>
  await meeting(
    async () => await api.create(path, body, shape, signal),
    ({ reason }) => reason === 'Conflict',
    signal,
  )

const applied = async (api: Api, path: string, body: object, signal: AbortSignal): Promise<AnyObject> =>
  await meeting(
    async () => await api.apply(path, body, objectShape, signal),
    () => true,
    signal,
  )

async function meeting<T>(
  deed: () => Promise<T>,
  isMeeting: (conflict: ApiError) => boolean,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await refusing(deed())
    } catch (error) {
      if (!isStatus(error, 409) || !isMeeting(error) || attempt >= tries) throw error
      // Not in step with the others.
      await wait(soonestMs * attempt * (1 + Math.random()), undefined, { signal }).catch(() => undefined)
    }
  }
}

/** An answer that trying again would not change becomes a `Refusal`. */
async function refusing<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    const code = error instanceof ApiError ? refusalOf(error) : null
    if (code === null) throw error
    throw new Refusal(code, error instanceof Error ? error.message : '')
  }
}
