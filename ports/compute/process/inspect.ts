import type { Endpoint, InstanceRef, InstanceState } from '../provider.ts'
import type { Deps } from './deps.ts'
import { livingOf } from './ending.ts'
import { detailOf, readOrNull } from './files.ts'
import type { Belonging } from './members.ts'
import { keyOf, type Places } from './places.ts'
import { isAlive } from './processes.ts'
import { readRecord, type InstanceRecord } from './record.ts'

export type InspectDeps = Deps & { readonly inNetworks: (address: string) => boolean }

/** What the instance does now, from its files and /proc. */
export async function inspectInstance(ref: InstanceRef, deps: InspectDeps): Promise<InstanceState> {
  try {
    const key = keyOf(ref)
    const record = await readRecord(deps.places, key)
    if (record !== null) return await stateOf(record, deps)
    const orphans = livingOf(belongingOf(deps.places, key, null)).length
    return orphans === 0
      ? { kind: 'absent' }
      : { kind: 'unknown', why: `Its directory is gone, but ${orphans} of its processes live.` }
  } catch (error) {
    return { kind: 'unknown', why: detailOf(error) }
  }
}

export async function stateOf(
  record: InstanceRecord,
  { places, settings, inNetworks }: InspectDeps,
): Promise<InstanceState> {
  const at = places.instance(keyOf(record))
  const { supervisor } = record
  // Alive is looked at before the files: an exit between the two looks is then seen by its status.
  const alive = supervisor !== null && isAlive(supervisor)
  const exit = await readOrNull(at.exit)
  if (exit !== null) return { kind: 'exited', exitCode: parseExit(exit), outOfMemory: false }
  const started = (await readOrNull(at.started)) !== null
  if (!started) return { kind: 'pending', reason: alive ? 'starting' : 'not started yet' }
  if (!alive) return { kind: 'exited', exitCode: null, outOfMemory: false }
  if (!inNetworks(settings.address))
    return { kind: 'unknown', why: `${settings.address} is not in the networks that this provider may use.` }
  return { kind: 'running', endpoints: record.ports.map((p): Endpoint => ({ ...p, host: settings.address })) }
}

const parseExit = (text: string): number | null => (/^\d{1,3}\n$/.test(text) ? Number(text) : null)

/** By what the instance's processes are known, also when its record is gone. */
export const belongingOf = (places: Places, key: string, record: InstanceRecord | null): Belonging => ({
  mark: places.markOf(key),
  exclusiveUid: record?.runAs.exclusive === true ? record.runAs.uid : null,
  supervisor: record?.supervisor ?? null,
})
