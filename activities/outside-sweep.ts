import type { Db } from '../db/connect.ts'
import { readArming } from '../db/epoch.ts'
import { givenUpDoors, recordClosed } from '../db/outside-accounts.ts'
import { noteOutsideDrift, readOutsideBooks, readOutsideDrift } from '../db/outside-drift.ts'
import { beginOutside, concludeOutside } from '../db/outside-reconciliation.ts'
import { dueRemedies, isDue, outsideAction, outsideDrift, strays } from '../domain/outside-sweep.ts'
import type { OutsideAction, OutsideRemedy } from '../domain/outside-sweep.ts'
import type { ReconciliationReport } from '../domain/reconciliation.ts'
import type { SessionKey } from '../domain/session.ts'
import type { AccessGateway, Found } from '../ports/access/access-gateway.ts'

export interface OutsideSweepDeps {
  readonly db: Db
  readonly access: AccessGateway
  readonly deploymentId: string
  /** Tells the operator's log. */
  readonly warn: (found: { readonly removed: number }, message: string) => void
}

/** Texts and lists are kept for operators to read, not for ever. */
const mostReported = 1_000
/** In one round; a gateway that has just come back has other things to do. */
const mostGivenUp = 20

interface Round {
  readonly armed: boolean
  readonly report: ReconciliationReport
}

/** Compares what is at the gateway outside with the rows, and removes what belongs to no live session. */
export function createOutsideSweep({ db, access, deploymentId, warn }: OutsideSweepDeps) {
  /** The last of those given up on that the round before came to; `null`: to the end. */
  let lastGivenUp: SessionKey | null = null

  /** One round on a whole list. A dry one keeps nothing and removes nothing. */
  async function sweep(
    found: readonly Found[],
    { graceMs, dryRun }: { readonly graceMs: number; readonly dryRun: boolean },
    signal: AbortSignal,
  ): Promise<Round> {
    const differing = strays(found, await readOutsideBooks(db, found))
    const sightingOf = dryRun ? await readOutsideDrift(db) : await noteOutsideDrift(db, differing)
    const armed = (await readArming(db)).disarmed === null
    const due = armed ? dueRemedies(differing, sightingOf, { graceMs, listed: found.length }) : []
    const failed: OutsideAction[] = []
    for (const remedy of dryRun ? [] : due) if (!(await remove(remedy, signal))) failed.push(outsideAction(remedy))
    if (armed && !dryRun) await closeGivenUp(signal)
    const removed = dryRun ? 0 : due.length - failed.length
    if (removed > 0)
      warn({ removed }, 'something was left at the gateway and belonged to no live session; it was removed')
    const report = {
      listed: found.length,
      drifts: differing
        .slice(0, mostReported)
        .map((stray) => outsideDrift(stray, isDue(stray, sightingOf(stray), graceMs))),
      actions: due.map(outsideAction),
      withheld: null,
      failed,
    }
    return { armed, report }
  }

  /** Closes what operators gave up on while nobody served the gateway: there may be nothing of it in any list. */
  async function closeGivenUp(signal: AbortSignal): Promise<void> {
    const keys = await givenUpDoors(db, mostGivenUp, lastGivenUp)
    // Some may be refused for ever: the next round goes on behind these, and begins anew at the end.
    lastGivenUp = keys.length < mostGivenUp ? null : (keys.at(-1) ?? null)
    for (const key of keys) await remove({ do: 'closeDoors', key }, signal)
  }

  /** Carries out what operators asked for. */
  async function answerAsked(graceMs: number, signal: AbortSignal): Promise<void> {
    for (const { id, dryRun } of await beginOutside(db)) {
      const found = await wholeList(signal)
      if (found === null) {
        await concludeOutside(db, id, 'unreachable', null)
        continue
      }
      const { armed, report } = await sweep(found, { graceMs, dryRun }, signal)
      await concludeOutside(db, id, armed ? 'done' : 'disarmed', report)
    }
  }

  /** Everything of ours that is there, or `null`: of a part of a list nothing follows. */
  async function wholeList(signal: AbortSignal): Promise<readonly Found[] | null> {
    const found: Found[] = []
    try {
      for await (const thing of access.list(deploymentId, signal)) found.push(thing)
      return found
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof Error && error.name === 'AccessUnreachable') return null
      throw error
    }
  }

  async function remove(remedy: OutsideRemedy, signal: AbortSignal): Promise<boolean> {
    switch (remedy.do) {
      case 'kill':
        return (await access.kill(remedy.id, signal)).kind === 'done'
      case 'removeAccount':
        return (await access.removeAccount(deploymentId, remedy.accountId, signal)).kind === 'done'
      case 'closeDoors': {
        const closed = await access.closeDoors({ ...remedy.key, deploymentId }, signal)
        if (closed.kind === 'done') await recordClosed(db, remedy.key)
        return closed.kind === 'done'
      }
      default:
        return remedy satisfies never
    }
  }

  return { sweep, answerAsked, wholeList }
}
