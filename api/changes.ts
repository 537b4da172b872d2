import { recordAudit } from '../db/audit.ts'
import type { Db, Trx } from '../db/connect.ts'
import { claimKey, findKey } from '../db/idempotency.ts'
import type { Claim, IntentKey } from '../db/idempotency.ts'
import type { Deed } from './env.ts'
import { Problem } from './problem.ts'

export interface Subject {
  readonly kind: string
  /** `null`: the installation's own, of which there is one. */
  readonly id: string | null
}

/** Makes a change and its line in the audit in one transaction. A `Problem` thrown by `work` undoes both. */
export async function change<T>(db: Db, deed: Deed, subject: Subject, work: (trx: Trx) => Promise<T>): Promise<T> {
  return await db.transaction().execute(async (trx) => {
    const result = await work(trx)
    await recordAudit(trx, { ...deed, subject, outcome: 'accepted' })
    return result
  })
}

export interface Made<Id extends string, T> {
  readonly id: Id
  /** What making it gave; `null` on a replay. */
  readonly made: T | null
  readonly replayed: boolean
}

/**
 * Makes a thing once per idempotency key: the key, the thing and the audit are one transaction, so that whoever repeats
 * the request, at once or later, gets the same thing. `prepare` checks what is asked, before anything is written and never
 * on a replay, and returns the writing.
 */
export async function createOnce<Id extends string, T>(
  db: Db,
  deed: Deed,
  intent: IntentKey,
  subject: { readonly kind: string; readonly id: Id },
  prepare: () => Promise<(trx: Trx) => Promise<T>>,
): Promise<Made<Id, T>> {
  const known = replayOf<Id, T>(await findKey(db, intent))
  return known ?? (await makeOnce(db, deed, intent, subject, await prepare()))
}

/** The same where what is asked was checked before. `hold` takes the locks that others wait for with the key in their hands. */
export async function makeOnce<Id extends string, T>(
  db: Db,
  deed: Deed,
  intent: IntentKey,
  subject: { readonly kind: string; readonly id: Id },
  make: (trx: Trx) => Promise<T>,
  hold: (trx: Trx) => Promise<unknown> = async () => {},
): Promise<Made<Id, T>> {
  return await db.transaction().execute(async (trx): Promise<Made<Id, T>> => {
    await hold(trx)
    const taken = replayOf<Id, T>(await claimKey(trx, intent, subject.id))
    if (taken !== null) return taken
    const made = await make(trx)
    await recordAudit(trx, { ...deed, subject, outcome: 'accepted' })
    return { id: subject.id, made, replayed: false }
  })
}

/** What the key stands for already; `null`: nothing yet. Throws where it stands for another request. */
export function replayOf<Id extends string, T>(claim: Claim): Made<Id, T> | null {
  switch (claim.kind) {
    case 'new':
      return null
    case 'replay':
      // The row was written here, for this operation: its id is of the same kind.
      return { id: claim.resourceId as Id, made: null, replayed: true }
    case 'reused':
      throw new Problem('idempotency_key_reused', 'This key was used for another request. Use a new key.')
    default:
      return claim satisfies never
  }
}
