import { databaseTime } from '../db/connect.ts'
import type { Db } from '../db/connect.ts'
import { readArming } from '../db/epoch.ts'
import { beatOutside, outsideCuts, syncTunnels } from '../db/outside-tunnels.ts'
import { withdrawUses } from '../db/outside-uses.ts'
import { accountsToRemove, recordAccountRemoved, worthlessUses } from '../db/outside-watch.ts'
import { closeTunnel } from '../db/tunnels.ts'
import type { Timings } from '../domain/timings.ts'
import type { AccessGateway } from '../ports/access/access-gateway.ts'
import { alive } from './alive.ts'
import { createOutsideSweep } from './outside-sweep.ts'
import { pause } from './pause.ts'

export interface WatchDoorsDeps {
  readonly db: Db
  readonly access: AccessGateway
  readonly deploymentId: string
  readonly timings: Timings
  /** Calls back whenever somebody's right, or wish, may have changed; returns the way to leave off. */
  readonly onChange: (heard: () => void) => () => void
  /** The same whenever an operator may have asked for a look at all of it. */
  readonly onAsked: (heard: () => void) => () => void
  /** Aborts when the worker begins to stop: watching is left to the next one. */
  readonly stopping: AbortSignal
  /** Tells the operator's log. */
  readonly warn: (found: { readonly removed: number }, message: string) => void
}

/** However many changes are told, they are looked at no oftener than this. */
const calmMs = 100
const nothingDone = { bytesIn: 0, bytesOut: 0 }

/**
 * Watches the gateway outside: withdraws what nobody has the right to any more, cuts what is to be cut, keeps the books of what is
 * open, and removes what belongs to no live session. A gateway that does not answer is asked again with the next look.
 */
export function createWatchDoorsActivities(deps: WatchDoorsDeps) {
  const { db, access, deploymentId, timings, onChange, onAsked, stopping } = deps
  const { sweep, answerAsked, wholeList } = createOutsideSweep(deps)

  return {
    /** Watches for `observeRunMs`. */
    async watchDoors(run: { readonly timings: Timings }): Promise<void> {
      const until = Date.now() + run.timings.observeRunMs
      const over = new AbortController()
      const watching = async (signal: AbortSignal) => {
        // Side by side: a gateway that is slow to answer holds up nobody's revocation.
        await Promise.all([
          everyWhile(withdraw, run.timings.watchDoorsMs, until, signal, onChange),
          everyWhile(async () => await end(signal), run.timings.watchDoorsMs, until, signal, onChange),
          survey(run.timings, until, signal),
          everyWhile(
            async () => await answerAsked(run.timings.reconcileGraceMs, signal),
            run.timings.watchDoorsMs,
            until,
            signal,
            onAsked,
          ),
        ])
      }
      await alive(
        timings,
        async (call) => await watching(AbortSignal.any([call.signal, over.signal])).finally(() => over.abort()),
        stopping,
      ).catch((error: unknown) => {
        if (!stopping.aborted) throw error
      })
    },
  }

  /** Rights that were withdrawn: their sessions' workflows do the rest. */
  async function withdraw(): Promise<void> {
    if ((await readArming(db)).disarmed === null) await withdrawUses(db, await worthlessUses(db))
  }

  /** Tunnels to be cut, and accounts to be removed. */
  async function end(signal: AbortSignal): Promise<void> {
    if ((await readArming(db)).disarmed !== null) return
    const cuts = await outsideCuts(db)
    await Promise.all(
      cuts.map(async ({ id, outsideId }) => {
        const killed = await access.kill(outsideId, signal)
        if (killed.kind === 'done') await closeTunnel(db, id, 'cut', nothingDone)
      }),
    )
    for (const accountId of await accountsToRemove(db)) {
      const removed = await access.removeAccount(deploymentId, accountId, signal)
      if (removed.kind === 'unavailable') break
      if (removed.kind === 'done') await recordAccountRemoved(db, accountId)
    }
  }

  async function survey({ listDoorsMs, sweepDoorsMs, reconcileGraceMs }: Timings, until: number, signal: AbortSignal) {
    let sweepAt = 0
    const look = async () => {
      const listedAt = await databaseTime(db)
      const found = await wholeList(signal)
      if (found === null) return
      const tunnels = found.flatMap((thing) => (thing.kind === 'tunnel' ? [thing.tunnel] : []))
      await syncTunnels(db, tunnels, listedAt)
      await beatOutside(db)
      if (Date.now() < sweepAt) return
      sweepAt = Date.now() + sweepDoorsMs
      await sweep(found, { graceMs: reconcileGraceMs, dryRun: false }, signal)
    }
    await everyWhile(look, listDoorsMs, until, signal)
  }
}

export type WatchDoorsActivities = ReturnType<typeof createWatchDoorsActivities>

/** Does it again and again until then, and sooner when it is called for; never beside itself. */
async function everyWhile(
  work: () => Promise<void>,
  everyMs: number,
  until: number,
  signal: AbortSignal,
  onCall?: (heard: () => void) => () => void,
): Promise<void> {
  let called = Promise.withResolvers<void>()
  const leave = onCall?.(() => called.resolve())
  try {
    while (Date.now() < until) {
      called = Promise.withResolvers()
      await work()
      await Promise.race([pause(Math.min(everyMs, Math.max(1, until - Date.now())), signal), called.promise])
      await pause(Math.min(calmMs, everyMs), signal)
    }
  } finally {
    leave?.()
  }
}
