import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client'
import type { Client } from '@temporalio/client'
import { defineSearchAttributeKey } from '@temporalio/common'
import type { Db } from '../db/connect.ts'
import { settleDelivery } from '../db/deliveries.ts'
import type { Delivery } from '../db/deliveries.ts'
import { coreQueue, sessionWorkflowId, teardownWorkflowId } from '../domain/ids.ts'
import { isEnd } from '../domain/lifecycle.ts'
import type { Timings } from '../domain/timings.ts'
import { lookAgain, searchAttributes, workflowNames } from '../workflows/session.messages.ts'
import type { SessionRun, TeardownRun } from '../workflows/session.messages.ts'
import type { Ground } from './ground.ts'

/** No call to Temporal lasts longer: a server that hangs holds up nobody. */
const callTimeoutMs = 5_000

export interface DeliverDeps {
  readonly db: Db
  readonly client: Client
  readonly timings: Timings
  readonly ground: Pick<Ground, 'isArmed'>
}

/**
 * Tells a session's workflow to look, starting it where it has never run. A workflow that is gone while its session lives
 * is replaced by a teardown. Throws where Temporal did not answer; the row stays due.
 */
export async function deliver({ db, client, timings, ground }: DeliverDeps, delivery: Delivery): Promise<void> {
  const { sessionId } = delivery
  if (isEnd(delivery.state)) {
    await settleDelivery(db, sessionId, delivery.wakeVersion)
    return
  }
  await client.withDeadline(Date.now() + callTimeoutMs, async () => {
    try {
      if (!delivery.seenBefore) await startSession(client, delivery, timings)
      // A run that was there before the start may have looked before the newest wish, or at rows that are lost.
      if (delivery.seenBefore || delivery.wakeVersion > 1 || delivery.isRepeated)
        await client.workflow.getHandle(sessionWorkflowId(sessionId)).signal(lookAgain)
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError || error instanceof WorkflowNotFoundError))
        throw error
      // That a run is missing may as well mean that this is another Temporal than yesterday's.
      if (await ground.isArmed()) await startTeardown(client, delivery, timings)
    }
  })
}

async function startSession(client: Client, delivery: Delivery, timings: Timings): Promise<void> {
  const run: SessionRun = { sessionId: delivery.sessionId, timings, undo: [], shown: delivery.state }
  await client.workflow.start(workflowNames.session, {
    workflowId: sessionWorkflowId(delivery.sessionId),
    taskQueue: coreQueue,
    workflowTaskTimeout: timings.workflowTaskMs,
    args: [run],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    typedSearchAttributes: attributesOf(delivery),
    staticSummary: `session ${delivery.sessionId}`,
  })
}

async function startTeardown(client: Client, delivery: Delivery, timings: Timings): Promise<void> {
  const run: TeardownRun = { sessionId: delivery.sessionId, timings }
  // One that runs already hears of what is new, and may be given up.
  await client.workflow.signalWithStart(workflowNames.teardown, {
    signal: lookAgain,
    workflowId: teardownWorkflowId(delivery.sessionId),
    taskQueue: coreQueue,
    workflowTaskTimeout: timings.workflowTaskMs,
    args: [run],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    typedSearchAttributes: attributesOf(delivery),
    staticSummary: `teardown of session ${delivery.sessionId}, whose own workflow is gone`,
  })
}

const keyword = (name: string) => defineSearchAttributeKey(name, 'KEYWORD')
const attributesOf = (delivery: Delivery) => [
  { key: keyword(searchAttributes.state), value: delivery.state },
  { key: keyword(searchAttributes.provider), value: delivery.providerId },
  { key: keyword(searchAttributes.project), value: delivery.projectId },
]
