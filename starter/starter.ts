import type { Client } from '@temporalio/client'
import { claimDeliveries, hurryDeliveries, nextDeliveryInMs } from '../db/deliveries.ts'
import { claimInvitations } from '../db/invitation-deliveries.ts'
import { claimChecks } from '../db/provider-checks.ts'
import { claimSyncs } from '../db/catalogue-asks.ts'
import { claimReconciliations } from '../db/reconciliation.ts'
import type { Db } from '../db/connect.ts'
import { recordDependency } from '../db/dependencies.ts'
import type { Listener } from '../db/listen.ts'
import type { Timings } from '../domain/timings.ts'
import { startCatalogueSync } from './catalogue-syncs.ts'
import { startCheck } from './checks.ts'
import { deliver } from './deliver.ts'
import { checkGround } from './ground.ts'
import type { Ground } from './ground.ts'
import { tellInvitation } from './invitations.ts'
import { startReconciliation } from './reconciliations.ts'

export interface StarterDeps {
  readonly db: Db
  readonly client: Client
  readonly timings: Timings
  readonly listener: Listener
  /** What an operator's log says of a delivery that failed; it is tried again by itself. */
  readonly warn: (message: string, error: unknown) => void
  /** Where the process looks at it already; its own by default. */
  readonly ground?: Ground
  /**
   * Leaves to others what they can take: is not woken, and takes little at each poll. Of a process that has callers to answer;
   * where no worker is there to take it, nobody would carry it out either.
   */
  readonly patient?: boolean
}

export interface RunningStarter {
  /** Takes nothing new, and waits for what is under way (each at most 5 s). */
  stop(): Promise<void>
}

const usuallyInFlight = 20
const patientlyInFlight = 4
/** Beside what sessions need. */
const invitationsAtOnce = 10
const pollMs = 2_000
/** Between two looks that found nothing to take: what is due may be locked by others for a while. */
const leastMs = 50
const checkTemporalMs = 10_000

/**
 * Brings what the rows ask for to the workflows, in every api and worker process at once. A row is due while its workflow
 * has not seen it; who claims it tries once, and a lost try is repeated by whoever comes next.
 */
export function createStarter({
  db,
  client,
  timings,
  listener,
  warn,
  ground = checkGround(db, client, warn),
  patient = false,
}: StarterDeps): { start(): RunningStarter } {
  const atMostInFlight = patient ? patientlyInFlight : usuallyInFlight
  return {
    start() {
      let stopping = false
      let woken = false
      let wake: () => void = () => {}
      const inFlight = new Set<Promise<void>>()
      const call = () => {
        if (patient) return
        woken = true
        wake()
      }
      /** When somebody last looked for reconciliations and checks that operators asked for: seldom, beside the sessions. */
      let askedAt = Number.NEGATIVE_INFINITY
      const asked = () => {
        askedAt = Number.NEGATIVE_INFINITY
        call()
      }
      const unsubscribes = [
        listener.on('carrel_wake', call),
        listener.on('carrel_reconciliation', asked),
        listener.on('carrel_provider_check', asked),
        listener.on('carrel_catalogue', asked),
        listener.on('carrel_invitation', asked),
      ]

      const rest = async (ms: number) => {
        if (woken || stopping) return
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }

      const attempt = (what: string, work: Promise<void>) => {
        const tried = work
          .catch((error: unknown) => warn(`${what} failed.`, error))
          .finally(() => {
            inFlight.delete(tried)
            if (inFlight.size === atMostInFlight - 1) call()
          })
        inFlight.add(tried)
      }

      const round = async (): Promise<void> => {
        woken = false
        // Until somebody has seen what the installation stands on, it may be a copy.
        if (!(await ground.isKnown())) return await rest(leastMs * 10)
        const room = atMostInFlight - inFlight.size
        const claimed = room > 0 ? await claimDeliveries(db, room) : []
        for (const delivery of claimed)
          attempt(`A delivery to session ${delivery.sessionId}`, deliver({ db, client, timings, ground }, delivery))
        // Not by the time of day: a clock that is put back would keep them waiting until it is there again.
        if (room > claimed.length && performance.now() - askedAt >= pollMs) {
          askedAt = performance.now()
          for (const ask of await claimReconciliations(db, room - claimed.length))
            attempt(`The start of reconciliation ${ask.id}`, startReconciliation(client, ask, timings))
          for (const ask of await claimChecks(db, 1))
            attempt(`The start of check ${ask.id}`, startCheck(client, ask, timings))
          for (const ask of await claimSyncs(db, 4))
            attempt(`The start of catalogue sync ${ask.id}`, startCatalogueSync(client, ask, timings))
          for (const id of await claimInvitations(db, invitationsAtOnce))
            attempt(`A delivery to invitation ${id}`, tellInvitation({ db, client, timings, ground }, id))
        }
        if (patient) return await rest(pollMs)
        if (claimed.length > 0 && claimed.length === room) return
        const next = room > 0 ? await nextDeliveryInMs(db) : null
        await rest(Math.max(leastMs, Math.min(pollMs, next ?? pollMs)))
      }

      const loop = (async () => {
        while (!stopping) {
          await round().catch(async (error: unknown) => {
            warn('The starter could not read what is due.', error)
            await rest(pollMs)
          })
        }
      })()
      const checkTemporal = createTemporalCheck(db, client)
      let checking: Promise<unknown> = checkTemporal()
      const checks = setInterval(() => {
        checking = Promise.all([checkTemporal(), ground.look()])
      }, checkTemporalMs)

      return {
        async stop() {
          stopping = true
          clearInterval(checks)
          for (const unsubscribe of unsubscribes) unsubscribe()
          wake()
          await loop
          // Whoever closes the connection next would break what is still asked over it.
          await Promise.all([checking, ...inFlight])
        },
      }
    },
  }
}

/** Whether Temporal answers from what it keeps: a server whose own database is away serves nobody. */
export async function temporalAnswers(client: Client): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + 3_000, async () => {
      await client.connection.workflowService.describeNamespace({ namespace: client.options.namespace })
    })
    return true
  } catch {
    return false
  }
}

/** Notes whether Temporal answers. Whoever first finds that it does again has everybody told at once of what waited for it. */
function createTemporalCheck(db: Db, client: Client): () => Promise<void> {
  let mine: string | null = null
  return async () => {
    const began = performance.now()
    const ok = await temporalAnswers(client)
    const latencyMs = ok ? Math.round(performance.now() - began) : null
    try {
      const { before, at } = await recordDependency(db, 'temporal', { state: ok ? 'ok' : 'down', latencyMs }, mine)
      mine = at ?? mine
      if (ok && before === 'down') await hurryDeliveries(db)
    } catch {
      // The next check notes it.
    }
  }
}
