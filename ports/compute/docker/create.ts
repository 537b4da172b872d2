import { setTimeout as wait } from 'node:timers/promises'
import type { CallContext, Created, InstanceRef, InstanceSpec } from '../provider.ts'
import { findContainer, inspectContainer } from './container.ts'
import type { DiskLimit } from './disk.ts'
import type { EgressGuard } from './egress.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { fetchImage, findImage } from './image.ts'
import { checkMounts } from './mounts.ts'
import { isMarked } from '../marks.ts'
import { namesOf } from './names.ts'
import type { Names } from './names.ts'
import { ensureNetwork } from './network.ts'
import { Refusal } from '../refusal.ts'
import { removeInstance } from './remove.ts'
import type { DockerSettings } from './settings.ts'
import { madeShape } from './shapes.ts'
import type { ContainerShape } from './shapes.ts'
import { containerBody, objection } from './spec.ts'
import { giveSecret, startContainer } from './start.ts'

/** More processors than the daemon's machine has; of memory it promises more than there is. */
const tooLarge = /range of cpus/i

export interface CreateDeps {
  readonly engine: Engine
  readonly settings: DockerSettings
  readonly egress: EgressGuard
  readonly policy: string
  readonly disk: DiskLimit
}

/**
 * Image, network, container, secret, start: each step made or found, so that any number of calls at once, or after
 * one another's deaths, come to the same one instance. What is refused leaves nothing behind.
 */
export async function createInstance(deps: CreateDeps, spec: InstanceSpec, call: CallContext): Promise<Created> {
  const names = namesOf(spec)
  try {
    return await makeOrAdopt(deps, spec, names, call)
  } catch (error) {
    if (error instanceof Refusal) {
      await removeInstance(deps.engine, spec, deps.settings, call.signal)
      return { kind: 'refused', code: error.code, detail: error.message }
    }
    if (error instanceof EngineError)
      return { kind: 'unavailable', retryAfterMs: error.retryAfterMs, detail: error.message }
    throw error
  }
}

async function makeOrAdopt(deps: CreateDeps, spec: InstanceSpec, names: Names, call: CallContext): Promise<Created> {
  const { engine, settings, policy } = deps
  const { signal } = call
  const [earlier, present] = await both(
    findContainer(engine, spec, names, signal),
    findImage(engine, spec.image, signal),
  )
  if (earlier !== null && earlier.State.Status !== 'created') return answer('adopted', spec, earlier.Id)

  const objected = objection(spec, settings)
  if (objected !== null) throw new Refusal('start_failed', objected)
  const mounts = await checkMounts(spec.mounts, settings)
  if (mounts.kind === 'refused') throw new Refusal('start_failed', mounts.why)
  const image = present ?? (await fetchImage(engine, spec.image, settings, call))
  if (image.kind === 'missing') throw new Refusal('image_missing', image.detail)

  // The rules are by the bridge's name, so they need only be there before anything runs.
  const rules = enforced(deps, call)
  rules.catch(() => undefined)
  call.progress?.({ message: 'Making its network', percent: null })
  // A container needs its network only when it starts: the daemon makes both at once.
  const [network, { kind, container }] = await both(
    ensureNetwork(engine, spec, { names, settings, policy }, signal),
    prepareContainer(deps, { ...spec, mounts: mounts.mounts }, names, call),
  )
  if (network === 'foreign') throw new Refusal('start_failed', `the network ${names.object} is not Carrel's`)
  if (container.State.Status !== 'created') return answer('adopted', spec, container.Id)
  await rules
  call.progress?.({ message: 'Starting', percent: null })
  await startContainer(engine, container, signal)
  return answer(kind, spec, container.Id)
}

/** Waits for two deeds to end, however they end, so that none goes on after the other failed; a refusal counts before an error. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second])
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value]
  const reasons = [a, b].flatMap((end): unknown[] => (end.status === 'rejected' ? [end.reason] : []))
  throw reasons.find((reason) => reason instanceof Refusal) ?? reasons[0]
}

/** Makes or finds the container, with its secret in it. */
async function prepareContainer(deps: CreateDeps, spec: InstanceSpec, names: Names, call: CallContext) {
  const made = await ensureContainer(deps, spec, names, call)
  if (made.container.State.Status === 'created')
    await giveSecret(deps.engine, spec, made.container, deps.settings, call.signal)
  return made
}

async function enforced({ egress, settings }: CreateDeps, call: CallContext): Promise<void> {
  try {
    await egress.ensure(call)
  } catch (error) {
    if (settings.egressEnforcement === 'required') throw error
  }
}

async function ensureContainer(
  { engine, settings, disk }: CreateDeps,
  spec: InstanceSpec,
  names: Names,
  call: CallContext,
): Promise<{ readonly kind: 'made' | 'adopted'; readonly container: ContainerShape }> {
  try {
    const make = async (limitDisk: boolean) => {
      const body = containerBody(spec, names, settings, limitDisk)
      await engine.json('POST', '/containers/create', madeShape, call.signal, { query: { name: names.object }, body })
    }
    // What asks for no limit tells nothing of limits.
    await (spec.resources.diskMib > 0 ? disk.attempt(call.signal, make) : make(false))
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    if (error.status === 400)
      throw new Refusal(tooLarge.test(error.message) ? 'unschedulable' : 'start_failed', error.message)
    if (error.status !== 409) throw error
    return { kind: 'adopted', container: await namesake(engine, spec, names, call.signal, error) }
  }
  const container = await findContainer(engine, spec, names, call.signal)
  if (container !== null) return { kind: 'made', container }
  throw new EngineError(409, 'it was removed while it was made')
}

/** A daemon gives a name away some time before it shows what bears it. One that never shows itself is `conflict`. */
async function namesake(
  engine: Engine,
  spec: InstanceSpec,
  names: Names,
  signal: AbortSignal,
  conflict: EngineError,
): Promise<ContainerShape> {
  for (let look = 0; look < 50; look++) {
    const found = await inspectContainer(engine, names.object, signal)
    if (found !== null && isMarked(found.Config.Labels, spec)) return found
    if (found !== null) throw new Refusal('start_failed', `the name ${names.object} is taken by what is not Carrel's`)
    await wait(100, undefined, { signal }).catch(() => undefined)
  }
  throw conflict
}

const answer = (kind: 'made' | 'adopted', { name, deploymentId }: InstanceRef, container: string): Created => ({
  kind,
  ref: { name, deploymentId, ids: { container } },
})
