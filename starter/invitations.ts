import type { Client } from '@temporalio/client'
import type { Db } from '../db/connect.ts'
import { coreQueue, invitationWorkflowId } from '../domain/ids.ts'
import type { InvitationId } from '../domain/ids.ts'
import type { Timings } from '../domain/timings.ts'
import { invitationWorkflowName } from '../workflows/invitation.messages.ts'
import type { InvitationRun } from '../workflows/invitation.messages.ts'
import { lookAgain } from '../workflows/session.messages.ts'
import type { Ground } from './ground.ts'

const callTimeoutMs = 5_000

export interface InvitationDeps {
  readonly db: Db
  readonly client: Client
  readonly timings: Timings
  readonly ground: Pick<Ground, 'isArmed'>
}

/**
 * Tells an invitation's workflow to look, and starts it where it is not running: whatever it finds, it goes on from the rows. While the
 * installation is disarmed nobody is told: a copy writes to nobody. Throws where Temporal did not answer.
 */
export async function tellInvitation({ client, timings, ground }: InvitationDeps, id: InvitationId): Promise<void> {
  if (!(await ground.isArmed())) return
  const run: InvitationRun = { invitationId: id, timings }
  await client.withDeadline(Date.now() + callTimeoutMs, async () => {
    await client.workflow.signalWithStart(invitationWorkflowName, {
      workflowId: invitationWorkflowId(id),
      taskQueue: coreQueue,
      workflowTaskTimeout: timings.workflowTaskMs,
      args: [run],
      signal: lookAgain,
      signalArgs: [],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: 'an invitation',
    })
  })
}
