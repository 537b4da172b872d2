import { sql } from 'kysely'
import { admit } from '../domain/admission.ts'
import type { ResumeRefusal } from '../domain/pausing.ts'
import { booksOf, lockPayers, payersOf, QuotaRowMissing } from './admission.ts'
import type { Admitted } from './admission.ts'
import type { Db, Trx } from './connect.ts'
import { recordEvent } from './events.ts'
import { readMaintenance } from './maintenance.ts'
import { replaceHeld } from './parts.ts'
import { lockFor } from './pauses.ts'
import type { PauseKey } from './pauses.ts'
import { freeSlot, providerGate } from './provider-gate.ts'
import { move } from './transitions.ts'

/** `rejected`: it stays paused, and its row says why. */
export type Readmitted = Admitted

/**
 * Decides whether a paused session may hold again what it runs with, in one transaction: what it holds itself is left out of the
 * sums, and replaced where it is admitted; refused leaves it untouched. Admitted, it goes on where its provider has room, and
 * waits for its turn else. Repeats change nothing.
 */
export async function readmitSession(db: Db, key: PauseKey): Promise<Readmitted> {
  try {
    return await db.transaction().execute(async (trx) => await decide(trx, key))
  } catch (error) {
    if (error instanceof QuotaRowMissing) return { kind: 'broken' }
    throw error
  }
}

async function decide(trx: Trx, key: PauseKey): Promise<Readmitted> {
  const { payers, providerId } = await payersOf(trx, key.sessionId)
  await lockPayers(trx, payers)
  const session = await lockFor(trx, key, 'resume')
  if (session === null || session.stopRequested) return { kind: 'withdrawn' }
  if (session.settled) return { kind: session.state === 'paused' ? 'rejected' : 'admitted' }
  if (session.state !== 'paused') return { kind: 'admitted' }
  if ((await readMaintenance(trx)).maintenance !== null) return { kind: 'waits' }

  const decision = admit(await booksOf(trx, payers, { sessionId: key.sessionId }), session.resources)
  if (decision.kind === 'refused') {
    await refuse(trx, key, { code: decision.code, violations: decision.violations })
    return { kind: 'rejected' }
  }
  if (!(await replaceHeld(trx, key, session.resources))) return { kind: 'withdrawn' }
  const waitingFor = freeSlot(await providerGate(trx, providerId))
  const moved = await move(trx, {
    key,
    from: ['paused'],
    // The time that it may wait counts from now.
    ...(waitingFor === null
      ? { to: 'resuming', set: { queued_at: 'now' } }
      : { to: 'queued', set: { queued_at: 'now', waiting_for: waitingFor }, data: { waitingFor } }),
  })
  return { kind: moved.kind === 'moved' ? 'admitted' : 'withdrawn' }
}

async function refuse(trx: Trx, key: PauseKey, refusal: ResumeRefusal): Promise<void> {
  await trx
    .updateTable('session')
    .set({
      pause_settled_number: key.number,
      resume_refusal: JSON.stringify(refusal),
      version: sql<number>`version + 1`,
    })
    .where('id', '=', key.sessionId)
    .execute()
  await recordEvent(trx, key.sessionId, 'session.resume_refused', { ...refusal })
}
