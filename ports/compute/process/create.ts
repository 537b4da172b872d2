import { setTimeout as delay } from 'node:timers/promises'
import type { CallContext, Created, InstanceRef, InstanceSpec } from '../provider.ts'
import type { Deps } from './deps.ts'
import { detailOf, readOrNull } from './files.ts'
import { takeLock } from './lock.ts'
import { keyOf, type InstancePlaces } from './places.ts'
import { prepareInstance } from './prepare.ts'
import { isAlive } from './processes.ts'
import { readRecord, writeRecord, type InstanceRecord } from './record.ts'
import { deleteRemains } from './remove.ts'
import type { LocalCommand } from './settings.ts'
import { startSupervisor } from './supervisor.ts'

/** A create does nothing any more after this, ms. */
export const createLimitMs = 5_000
const busyRetryMs = 1_000
const wordMs = 10

/** Makes what is asked, or finds it, or makes whole what a create that died left. Never throws for what can be answered. */
export async function createInstance(spec: InstanceSpec, call: CallContext, deps: Deps): Promise<Created> {
  const image = Object.hasOwn(deps.settings.images, spec.image) ? deps.settings.images[spec.image] : undefined
  if (image === undefined)
    return {
      kind: 'refused',
      code: 'image_missing',
      detail: `No command is configured under the name ${spec.image.slice(0, 200)}.`,
    }
  const fault = unfit(spec, image)
  if (fault !== null) return { kind: 'refused', code: 'start_failed', detail: fault }

  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(createLimitMs)])
  try {
    const lock = await takeLock(deps.places.lockOf(keyOf(spec)), createLimitMs, signal)
    if (lock === null) return busy('Another call works on this instance.')
    let refused = false
    try {
      const created = await createLocked(spec, image, call, signal, deps)
      refused = created.kind === 'refused'
      return created
    } finally {
      await lock.release(refused)
    }
  } catch (error) {
    return { kind: 'unavailable', retryAfterMs: null, detail: detailOf(error) }
  }
}

async function createLocked(
  spec: InstanceSpec,
  image: LocalCommand,
  call: CallContext,
  signal: AbortSignal,
  deps: Deps,
): Promise<Created> {
  const ref: InstanceRef = { name: spec.name, deploymentId: spec.deploymentId }
  const found = await readRecord(deps.places, keyOf(spec))
  if (found !== null) return (await makeRun(found, signal, deps)) ?? { kind: 'adopted', ref }
  await deleteRemains(deps.places, keyOf(spec))
  const lock = await takeLock(deps.places.allocationLock, createLimitMs, signal)
  if (lock === null) return busy('Ports are being handed out to others.')
  let prepared
  try {
    if (signal.aborted) return cancelled
    prepared = await prepareInstance(spec, image, deps)
  } finally {
    await lock.release()
  }
  if (prepared.kind === 'refused') return prepared
  if (prepared.kind === 'full') return { kind: 'unavailable', retryAfterMs: null, detail: prepared.detail }
  call.progress?.({ message: `starting ${spec.image}`, percent: null })
  return (await makeRun(prepared.record, signal, deps)) ?? { kind: 'made', ref }
}

/** Starts the command unless it was started once; it is never started twice. `null` if all is well. */
async function makeRun(record: InstanceRecord, signal: AbortSignal, { places }: Deps): Promise<Created | null> {
  const key = keyOf(record)
  const at = places.instance(key)
  if (await hasBegun(record, at)) return null
  if (signal.aborted) return cancelled
  const supervisor = await startSupervisor(at, places.markOf(key), record.argv)
  if (supervisor === null)
    return { kind: 'unavailable', retryAfterMs: null, detail: 'The system would not start a process.' }
  try {
    await writeRecord(at.record, { ...record, supervisor: supervisor.identity })
  } catch (error) {
    supervisor.dismiss()
    throw error
  }
  await supervisor.begin()
  return null
}

/**
 * Whether the command ran or runs. A supervisor whose starter died, or is only just done, waits at most for the moment in
 * which it reads its word or the end of its input; its starter held the lock that we hold now.
 */
async function hasBegun({ supervisor }: InstanceRecord, at: InstancePlaces): Promise<boolean> {
  while (supervisor !== null) {
    const alive = isAlive(supervisor)
    if ((await readOrNull(at.started)) !== null) return true
    if (!alive) return false
    await delay(wordMs)
  }
  return false
}

/** What the driver can't do for this spec; `null` if nothing. */
function unfit(spec: InstanceSpec, image: LocalCommand): string | null {
  if (spec.mounts.length > 0) return 'The process provider mounts nothing.'
  if (spec.capabilities.length > 0) return 'The process provider grants no capabilities.'
  if (spec.resources.gpus > 0) return 'The process provider assigns no GPUs.'
  if (spec.report !== null) return 'The process provider chooses the ports itself, and nothing is reported.'
  if (spec.egress === 'none') return 'The process provider cannot keep a process from the network.'
  if (spec.command !== null && !image.anyCommand) return 'This provider runs its configured commands only.'
  if (spec.command?.length === 0) return 'The command is empty.'
  const odd = Object.entries(spec.environment).find(
    ([name, value]) => !/^[A-Za-z_]\w*$/.test(name) || value.includes('\0'),
  )
  return odd === undefined ? null : `Not an environment variable: ${odd[0].slice(0, 100)}`
}

const busy = (detail: string): Created => ({ kind: 'unavailable', retryAfterMs: busyRetryMs, detail })
const cancelled: Created = { kind: 'unavailable', retryAfterMs: null, detail: 'The call was cancelled.' }
