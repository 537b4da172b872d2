import { coreQueue, newId } from '../../../domain/ids.ts'
import type { CheckId, InvitationId, ProviderId, SessionId } from '../../../domain/ids.ts'
import type { Timings } from '../../../domain/timings.ts'
import { invitationWorkflowName } from '../../../workflows/invitation.messages.ts'
import type { InvitationRun } from '../../../workflows/invitation.messages.ts'
import { workflowNames } from '../../../workflows/session.messages.ts'
import type {
  CatalogueSyncRun,
  CheckRun,
  ReconcileRun,
  UpkeepRun,
  WatchDoorsRun,
} from '../../../workflows/session.messages.ts'
import { chores, planning } from './chores.ts'
import type { Chore, ChoreName } from './chores.ts'
import type { Case, Desk, Plan } from './desk.ts'
import { nothing } from './faults.ts'
import type { Fault } from './faults.ts'
import type { Ground } from './ground.ts'
import { usualSettleMs, within } from './run-case.ts'
import type { Verdict } from './run-case.ts'

export interface ChoreRun {
  readonly ground: Ground
  readonly desk: Desk
  readonly providerId: ProviderId
  readonly timings: Timings
  /** A session that lives, and must go on living. */
  readonly live: SessionId
  readonly boundMs: number
  readonly planned?: (planned: Case) => void
  /** A step of a reconciliation has this for all its tries: one that falls silent is noticed much sooner. */
  readonly stepMs?: number
}

/** Steps of a chore are tried for some multiples of this, and there is no heartbeat by which a dead worker is noticed sooner. */
const transactionMs = { brief: 250, killed: 1_000 }
const usualStepMs = 8_000
/** What a run leaves undone the next one does; where workers are killed, some other's death may come between. */
const nextRuns = { usual: 1, killed: 3 }
/** A try of a check has so many times what a look has. */
const checkTimes = 2
/** Whoever waits for nobody need not wait long. */
const unservedMs = 300

/**
 * Leads one run of a chore through one fault, to its end. What a run leaves undone the next one does: only what that leaves is
 * a leak. Throws nothing of what it finds.
 */
export async function runChore(run: ChoreRun, activity: ChoreName, fault: Fault): Promise<Verdict> {
  const { ground, desk, live } = run
  const chore: Chore = chores[activity]
  const began = performance.now()
  const prepared = (await chore.prepare?.(ground, live)) ?? null
  const id = newId('session')
  const checkId = prepared?.checkId ?? null
  const invitationId = prepared?.invitationId ?? null
  const plan = { activity, lead: planning(prepared?.action ?? null), checkId, invitationId }
  const planned = desk.plan({ ...plan, subject: id, fault })
  run.planned?.(planned)
  const first = await runOnce(run, chore, { ...plan, subject: id, fault })
  planned.setOver()
  if (planned.hasHappened() && fault.deadly !== true) await within(planned.left, usualSettleMs)

  const leftUndone = async () => (await prepared?.breaches?.()) ?? []
  let last = first
  let subject = id
  const isDone = async () => last !== null && ends.has(last) && (await leftUndone()).length === 0
  for (let runs = fault.deadly === true ? nextRuns.killed : nextRuns.usual; runs > 0 && last !== null; runs--) {
    if (await isDone()) break
    subject = newId('session')
    const next = { ...plan, subject, fault: nothing }
    desk.plan(next)
    last = await runOnce(run, chore, next)
  }
  const { state } = await ground.db
    .selectFrom('session')
    .select('state')
    .where('id', '=', live)
    .executeTakeFirstOrThrow()
  // What its backend never answers is left to the next run as well.
  const mustRepeat = fault.repeats === true && fault.place !== 'asking'
  return {
    id,
    name: `${activity} ${fault.name}`,
    tookMs: performance.now() - began,
    leaks: [
      ...(last === null ? [`${chore.workflow}/${subject} is still open`] : await leftUndone()),
      ...(state === 'ready' ? [] : [`${live} is ${state}: it was nobody’s business`]),
    ],
    faults: [
      ...(planned.hasHappened() ? [] : [`its run never called ${activity}, or not so far`]),
      ...(mustRepeat && planned.calls() < 2 ? [`${activity} was not called again`] : []),
      ...(last === null || ends.has(last) ? [] : [`the run after it ended ${last}`]),
    ],
  }
}

const nameOf = (workflow: Chore['workflow']): string =>
  workflow === 'invitation' ? invitationWorkflowName : workflowNames[workflow]

/** How a run ends that did what it had to. */
const ends: ReadonlySet<string> = new Set(['COMPLETED', 'CONTINUED_AS_NEW'])

/** How the run ended; `null` when it did not in its time. */
async function runOnce(
  run: ChoreRun,
  { workflow, unserved }: Chore,
  {
    subject,
    fault,
    checkId,
    invitationId,
  }: Pick<Plan, 'subject' | 'fault'> & {
    readonly checkId: CheckId | null
    readonly invitationId: InvitationId | null
  },
) {
  const { ground, providerId, boundMs } = run
  const stepMs = run.stepMs ?? usualStepMs
  const databaseTimeoutMs = fault.deadly === true ? transactionMs.killed : transactionMs.brief
  const inputs: Readonly<
    Record<Chore['workflow'], ReconcileRun | UpkeepRun | WatchDoorsRun | CheckRun | InvitationRun | CatalogueSyncRun>
  > = {
    reconcile: {
      providerId,
      timings: {
        ...run.timings,
        removeTimeoutMs: stepMs,
        databaseTimeoutMs: Math.min(run.timings.databaseTimeoutMs, transactionMs.killed),
      },
    },
    expire: { timings: { ...run.timings, databaseTimeoutMs } },
    retention: { timings: { ...run.timings, databaseTimeoutMs } },
    check: {
      providerId: unserved === true ? 'nobodys' : providerId,
      checkId: checkId ?? '',
      timings: {
        ...run.timings,
        databaseTimeoutMs,
        inspectTimeoutMs: unserved === true ? unservedMs : stepMs / checkTimes,
      },
    },
    invitation: {
      invitationId: invitationId ?? newId('invitation'),
      // Nobody sends mail here: what is to go out is given up at once.
      timings: { ...run.timings, databaseTimeoutMs, mailLimitMs: 0 },
    },
    catalogueSync: { source: 'nobodys', timings: { ...run.timings, databaseTimeoutMs, reconcileRunMs: stepMs } },
    // So short that one run of the watch is soon over, and another one goes on.
    watchDoors: { timings: { ...run.timings, observeRunMs: 50, accessTimeoutMs: stepMs } },
  }
  const { client } = ground
  const workflowId = `${workflow}/${subject}`
  const { firstExecutionRunId } = await client.workflow.start(nameOf(workflow), {
    workflowId,
    taskQueue: coreQueue,
    args: [inputs[workflow]],
  })
  const ended = client.workflow.result(workflowId, firstExecutionRunId, { followRuns: false }).then(
    () => true,
    () => true,
  )
  const isOver = (await within(ended, boundMs)) !== null
  const { status } = await client.workflow.getHandle(workflowId, firstExecutionRunId).describe()
  if (status.name === 'CONTINUED_AS_NEW') await client.workflow.getHandle(workflowId).terminate('the proof is over')
  return isOver ? status.name : null
}
