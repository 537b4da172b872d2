import { randomUUID } from 'node:crypto'
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallContext, InstanceRef, Removed } from '../provider.ts'
import type { Deps } from './deps.ts'
import { endProcesses } from './ending.ts'
import { deleteTree, detailOf, syncDirectory, systemCodeOf } from './files.ts'
import { takeLock } from './lock.ts'
import { belongingOf } from './inspect.ts'
import { keyOf, type Places } from './places.ts'
import { readRecord } from './record.ts'

/** Longer than a create may hold the lock. */
const lockWaitMs = 10_000

/** Ends every process of the instance, sees that none is left, and deletes its directory. */
export async function removeInstance(ref: InstanceRef, call: CallContext, { places }: Deps): Promise<Removed> {
  try {
    const key = keyOf(ref)
    const lock = await takeLock(places.lockOf(key), lockWaitMs, call.signal)
    if (lock === null) return { kind: 'unknown', why: 'Another call works on this instance.' }
    let discard = false
    try {
      const record = await readRecord(places, key)
      const living = await endProcesses(belongingOf(places, key, record))
      if (living > 0) return { kind: 'unknown', why: `${living} of its processes do not end.` }
      await deleteInstance(places, key)
      discard = true
      return { kind: 'removed' }
    } finally {
      await lock.release(discard)
    }
  } catch (error) {
    return { kind: 'unknown', why: detailOf(error) }
  }
}

/** From one moment to the next it is no instance any more; then its files go. */
async function deleteInstance(places: Places, key: string): Promise<void> {
  try {
    await rename(places.instance(key).directory, join(places.trash, `${key}.${randomUUID()}`))
    await syncDirectory(places.instances)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error
  }
  await deleteRemains(places, key)
}

/** Deletes what creates and removals of this instance that died left aside. Call with its lock taken, or one may live. */
export async function deleteRemains({ staging, trash }: Places, key: string): Promise<void> {
  for (const folder of [staging, trash]) {
    const remains = (await readdir(folder)).filter((entry) => entry.startsWith(`${key}.`))
    for (const entry of remains) await deleteTree(join(folder, entry))
  }
}
