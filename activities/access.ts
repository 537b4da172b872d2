import { ApplicationFailure, Context } from '@temporalio/activity'
import type { Db } from '../db/connect.ts'
import { doorFacts } from '../db/doors.ts'
import { readArming } from '../db/epoch.ts'
import { networksOf } from '../db/instances.ts'
import { endDoors, noteUse, recordClosed } from '../db/outside-accounts.ts'
import { dueUses, recordOpened, recordRefused, recordWithdrawn } from '../db/outside-uses.ts'
import type { DueUse } from '../db/outside-uses.ts'
import { outsideParameters } from '../domain/desktop-parameters.ts'
import { portOf } from '../domain/doors.ts'
import type { SessionKey } from '../domain/session.ts'
import type { Timings } from '../domain/timings.ts'
import type { AccessGateway, AccessRefusal, DoorTarget, NotDone } from '../ports/access/access-gateway.ts'
import type { FailureType } from '../domain/errors.ts'
import { alive } from './alive.ts'
import type { InstanceSecrets } from './compute.ts'
import { whileDisarmed } from './failures.ts'

/** Where an instance is, as an address that was held against its provider's networks: nobody checks at the gateway. */
export type Locate = (place: {
  readonly endpoint: { readonly host: string; readonly port: number }
  readonly networks: readonly string[]
}) => Promise<
  | { readonly kind: 'address'; readonly host: string; readonly port: number }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'forbidden' }
>

export interface AccessDeps {
  readonly db: Db
  readonly access: AccessGateway
  readonly deploymentId: string
  readonly secrets: Pick<InstanceSecrets, 'open'>
  readonly locate: Locate
  readonly timings: Timings
}

/** What is done at the gateway outside. Every deed is named by session, generation, door and account, and may be repeated. */
export function createAccessActivities({ db, access, deploymentId, secrets, locate, timings }: AccessDeps) {
  return {
    /** Withdraws and opens what is due for the doors of a session. An answer means: nothing was due any more. */
    async settleDoors(key: SessionKey): Promise<void> {
      await requireArmed()
      await alive(timings, async ({ signal }) => {
        let refused: NotDone | null = null
        // A withdrawal that the gateway refuses is tried again, and holds up nobody else's.
        for (const due of await dueUses(db, key)) refused = (await settle(due, signal)) ?? refused
        if (refused !== null) throw notDone(refused)
      })
    },

    /** The whole teardown of a session's doors outside; an answer means: nothing is left there. */
    async closeDoors(key: SessionKey): Promise<void> {
      await requireArmed()
      await endDoors(db, key)
      await alive(timings, async ({ signal }) => {
        const closed = await access.closeDoors({ ...key, deploymentId }, signal)
        if (closed.kind !== 'done') throw notDone(closed)
      })
      await recordClosed(db, key)
    },
  }

  async function requireArmed(): Promise<void> {
    if ((await readArming(db)).disarmed !== null) throw whileDisarmed()
  }

  /** Returns the refusal of what is to be tried again; throws where the gateway does not answer. */
  async function settle(due: DueUse, signal: AbortSignal): Promise<AccessRefusal | null> {
    const use = { ...due.use, deploymentId }
    if (due.kind === 'withdraw') {
      const revoked = await access.revoke(use, signal)
      if (revoked.kind === 'refused') return revoked
      if (revoked.kind !== 'done') throw notDone(revoked)
      await recordWithdrawn(db, use)
      return null
    }
    await open(due, signal)
    return null
  }

  async function open(due: Extract<DueUse, { kind: 'open' }>, signal: AbortSignal): Promise<void> {
    const use = { ...due.use, deploymentId }
    const target = await targetOf(due.use)
    if (typeof target === 'string') return await recordRefused(db, use, due.asking, target)
    if ((await noteUse(db, due.use)) === 'ended') return await recordRefused(db, use, due.asking, 'ended')
    const opened = await access.open(use, target, signal)
    switch (opened.kind) {
      case 'opened':
        // The token stays where the accounts are kept.
        return await recordOpened(db, use, due.asking, `${opened.launch.baseUrl}${opened.launch.path}`)
      case 'refused':
        return await recordRefused(db, use, due.asking, opened.code)
      case 'unavailable':
        throw notDone(opened)
      default:
        return opened satisfies never
    }
  }

  /** Where the desk answers. `not_ready`: not now, or it has no such door any more. */
  async function targetOf({
    sessionId,
    accountId,
    door,
    mode,
  }: DueUse['use']): Promise<DoorTarget | 'not_ready' | 'recording_unavailable' | 'pinned' | 'address_forbidden'> {
    const facts = await doorFacts(db, sessionId, accountId)
    const spec = facts !== null && Object.hasOwn(facts.doors, door) ? facts.doors[door] : undefined
    if (facts?.instance === null || facts === null || spec === undefined || spec.protocol === 'http') return 'not_ready'
    // Nobody would write it there, and nobody tell who is seen.
    if (spec.recording !== undefined) return 'recording_unavailable'
    const { key, endpoints, secret } = facts.instance
    const endpoint = endpoints.find((e) => e.port === portOf(spec, mode))
    if (endpoint === undefined) return 'not_ready'
    // A gateway outside would hold no certificate against a pin.
    if (endpoint.fingerprint !== undefined) return 'pinned'
    const networks = await networksOf(db, sessionId)
    const located = await locate({ endpoint: { host: endpoint.host, port: endpoint.hostPort }, networks })
    if (located.kind === 'forbidden') return 'address_forbidden'
    if (located.kind === 'unreachable') return 'not_ready'
    const parameters = outsideParameters(spec, mode, secrets.open(key, secret))
    return { protocol: spec.protocol, host: located.host, port: located.port, parameters }
  }
}

export type AccessActivities = ReturnType<typeof createAccessActivities>

/** What was not done is tried again, and not before the gateway can have an answer. */
function notDone(outcome: NotDone): ApplicationFailure {
  const type: FailureType = 'gateway_unreachable'
  const message = 'The gateway did not do it.'
  if (outcome.kind === 'refused') return ApplicationFailure.create({ type, message })
  Context.current().cancellationSignal.throwIfAborted()
  return ApplicationFailure.create({ type, message, nextRetryDelay: Math.max(100, outcome.retryAt - Date.now()) })
}
