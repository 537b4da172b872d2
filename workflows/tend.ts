import type { Inspection } from '../activities/verdict.ts'
import type { Look, SessionKey } from '../domain/session.ts'
import type { Timings } from '../domain/timings.ts'
import { accessOf, careOf } from './activity-proxies.ts'
import type { Attention } from './attention.ts'
import { Errand } from './errand.ts'

/**
 * Looks after a session that lives: its instance where that is suspicious, its doors outside where something is due there,
 * beside one another. Returns what its instance was found as, where that asks for something.
 */
export async function tend(
  key: SessionKey,
  seen: Look,
  timings: Timings,
  attention: Attention,
): Promise<Inspection | null> {
  const look = seen.suspect ? new Errand(() => careOf(timings, seen.providerId).inspectInstance(key)) : null
  const settling = seen.outside?.due === true ? new Errand(() => settle(key, seen, timings)) : null
  const answered = () => look?.settled() === true || settling?.settled() === true
  await attention.wait(seen.dueInMs, 'its time is over', answered)
  const rest = soonest(seen.dueInMs, timings.inspectTimeoutMs)
  const inspected = look?.settled() === true
  const inspection = look === null ? null : inspectionOf(look)
  if (inspection !== null && asks(inspection, seen)) {
    settling?.abandon()
    return inspection
  }
  if (look !== null && (settling === null || inspected))
    await attention.wait(rest, 'looks at the instance again', settling?.settled)
  if (settling !== null && !wentWell(settling)) await attention.wait(rest, 'turns to the gateway again')
  return null
}

/** What must be done about it: it is gone, or runs where it should rest, or rests where it should run. */
function asks(inspection: Inspection, { state, pause }: Look): boolean {
  if (inspection.kind === 'gone') return true
  if (pause === undefined) return false
  return inspection.at === (state === 'paused' ? 'running' : 'paused')
}

/** Doors of a generation that is over are closed for good; of every other one what is due is done. */
async function settle(key: SessionKey, { outside }: Look, timings: Timings): Promise<void> {
  if (outside?.over === true) await accessOf(timings).closeDoors(key)
  else await accessOf(timings).settleDoors(key)
}

/** An inspection that is not over, or failed, tells nothing of the instance. */
export function inspectionOf(look: Errand<Inspection>): Inspection | null {
  try {
    return look.settled() ? look.result : look.abandon()
  } catch {
    return null
  }
}

/** Whether an errand is not to be waited for again: it is done, or was left for whoever called. */
function wentWell(errand: Errand<void>): boolean {
  if (!errand.settled()) errand.abandon()
  try {
    errand.done()
    return true
  } catch {
    return false
  }
}

/** The earliest of some times; `null` is never. */
export const soonest = (...times: readonly (number | null)[]): number => Math.min(...times.map((t) => t ?? Infinity))

export const isDue = ({ dueInMs }: Pick<Look, 'dueInMs'>): boolean => dueInMs !== null && dueInMs <= 0
