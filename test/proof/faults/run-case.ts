import type { Client } from '@temporalio/client'
import { newId } from '../../../domain/ids.ts'
import type { ProviderId, SessionId } from '../../../domain/ids.ts'
import { endStates } from '../../../domain/lifecycle.ts'
import { ask } from '../../temporal/stage.ts'
import type { addAccount } from '../../setup/person.ts'
import { balanced } from '../balance.ts'
import type { Case, Desk, Reach } from './desk.ts'
import type { Fault } from './faults.ts'
import type { Ground } from './ground.ts'
import { scenarios } from './scenarios.ts'
import type { SessionActivityName } from './scenarios.ts'

export interface FaultCase {
  readonly activity: SessionActivityName
  readonly fault: Fault
}

export interface Verdict {
  readonly id: SessionId
  readonly name: string
  readonly tookMs: number
  /** What is left over, or never ended. */
  readonly leaks: readonly string[]
  /** Why the case showed nothing, or ended where it should not. */
  readonly faults: readonly string[]
}

export interface CaseRun {
  readonly ground: Ground
  readonly desk: Desk
  readonly who: Awaited<ReturnType<typeof addAccount>>
  readonly providerId: ProviderId
  /** From asking to its end, ms. */
  readonly boundMs: number
  /** How long what lands when all is over may go on: a look, or a teardown that finds nothing to do. Longer where a driver waits. */
  readonly settleMs?: number
  /** Told of the case as soon as its fault is planned. */
  readonly planned?: (planned: Case) => void
}

/** As long as that, unless told. */
export const usualSettleMs = 10_000

/** Leads one session through one fault, to its end. Throws nothing of what it finds. */
export async function runCase(run: CaseRun, { activity, fault }: FaultCase): Promise<Verdict> {
  const { ground, desk, boundMs, settleMs = usualSettleMs } = run
  const scenario = scenarios[activity]
  const began = performance.now()
  const restMs = () => Math.max(0, boundMs - (performance.now() - began))
  const sessionId = newId('session')
  const providerId = scenario.alone === true ? await ground.addProvider() : run.providerId
  const subject = { sessionId, providerId }
  await scenario.prepare?.(ground, subject)
  const planned = desk.plan({
    subject: scenario.servesProvider === true ? providerId : sessionId,
    activity,
    fault,
    lead: scenario.lead?.(ground, subject, fault) ?? null,
  })
  run.planned?.(planned)
  await ask(ground.db, run.who, { ...scenario.wish, id: sessionId, providerId })
  const whenReady = scenario.whenReady ?? (async () => await ground.stop(sessionId))
  const ready = await ground.until(sessionId, ['ready', 'stopping', ...endStates], restMs())
  if (ready?.state === 'ready') await within(whenReady(ground, subject, planned), restMs())
  const end = await ground.until(sessionId, endStates, restMs())
  const demand = { allEnded: true, sessions: [sessionId] }
  const before = await balanced(ground, demand, end === null ? 0 : restMs())
  const tookMs = performance.now() - began
  planned.setOver()
  // What was held until now lands in the midst of nothing.
  if (planned.hasHappened() && fault.deadly !== true) await within(planned.left, settleMs)
  const after = before.length > 0 ? before : await balanced(ground, demand, settleMs)

  if (scenario.alone === true) await ground.retireProvider(providerId)
  const ends = [scenario.ends === 'exit' ? ground.exits : scenario.ends, ...(fault.ends ?? [])]
  const ended = end === null ? null : `${end.state}:${end.reason}`
  return {
    id: sessionId,
    name: `${activity} ${fault.name}`,
    tookMs,
    leaks: after,
    faults: [
      ...(planned.hasHappened() ? [] : [`its session never called ${activity}, or not so far`]),
      ...(fault.repeats === true && planned.calls() < 2 ? [`${activity} was not called again`] : []),
      ...(ended === null || ends.includes(ended) ? [] : [`it ended ${ended}, not ${ends.join(' or ')}`]),
    ],
  }
}

/** What a fault does to a session by its id, or to the run that looks after a provider. */
export const reachOf =
  (ground: () => Ground): Reach =>
  ({ subject, workflowId }) => {
    const { client, db, stop } = ground()
    const isSession = /^(?:session|teardown)\//.test(workflowId)
    return {
      stop: async () => await (isSession ? stop(subject as SessionId) : terminate(client, workflowId)),
      cancel: async () => void (await client.workflow.getHandle(workflowId).cancel()),
      async isHeard() {
        if (!isSession) return (await client.workflow.getHandle(workflowId).describe()).status.name !== 'RUNNING'
        const found = db
          .selectFrom('session')
          .select('state')
          .where('id', '=', subject as SessionId)
        return ['stopping', ...endStates].includes((await found.executeTakeFirstOrThrow()).state)
      },
    }
  }

async function terminate(client: Client, workflowId: string): Promise<void> {
  await client.workflow.getHandle(workflowId).terminate('the proof ends it')
}

/** What it becomes, or `null` when the time is over. */
export async function within<T>(waited: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), ms)))
  return await Promise.race([waited, late]).finally(() => clearTimeout(timer))
}
