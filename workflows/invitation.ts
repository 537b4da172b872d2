import { ActivityFailure } from '@temporalio/common'
import { continueAsNew, defineSignal, isCancellation, setHandler, workflowInfo } from '@temporalio/workflow'
import type { InvitationStep } from '../domain/invitation.ts'
import { invitationBooksOf, mailOf } from './activity-proxies.ts'
import { Attention } from './attention.ts'
import type { InvitationRun } from './invitation.messages.ts'
import { lookAgain } from './session.messages.ts'

/** So many looks make a history long enough. */
const looksPerRun = 200

/**
 * Looks after an invitation until it has ended: sends what is to be sent, reminds, and ends it when its time is over or what it
 * stands on is gone. It knows nothing but what the rows say: every look is a new beginning.
 */
export async function invitationWorkflow(run: InvitationRun): Promise<void> {
  const attention = new Attention()
  setHandler(defineSignal(lookAgain), attention.call)
  const { invitationId: id, timings } = run
  const books = invitationBooksOf(timings)
  for (let looks = 0; looks < looksPerRun && !workflowInfo().continueAsNewSuggested; looks++) {
    attention.attend()
    const step = await books.lookAtInvitation({ id, timings })
    if (step === null || step.do === 'nothing') return
    await take(step, run, attention)
  }
  await continueAsNew<typeof invitationWorkflow>(run)
}

async function take(
  step: Exclude<InvitationStep, { readonly do: 'nothing' }>,
  { invitationId: id, timings }: InvitationRun,
  attention: Attention,
): Promise<void> {
  const books = invitationBooksOf(timings)
  switch (step.do) {
    case 'end':
      return await books.endInvitation({ id, state: step.state, reason: step.reason })
    case 'remind':
      return await books.wantReminder({ id })
    case 'send':
      if (await isTried(async () => await mailOf(timings).sendInvitation({ id, number: step.number, timings }))) return
      await attention.wait(timings.mailRetryMs, 'somebody to send the mail')
      return
    case 'wait':
      await attention.wait(step.ms, 'what is due next about the invitation')
      return
    default:
      step satisfies never
  }
}

/** False where nobody could try: none serves mail, the installation is disarmed, its worker or the database is away. */
async function isTried(send: () => Promise<void>): Promise<boolean> {
  try {
    await send()
    return true
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error
    return false
  }
}
