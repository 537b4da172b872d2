import { proxyActivities } from '@temporalio/workflow'

const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '1 minute' })

/** The least that a durable flow can be: one activity that does nothing. */
export async function noopWorkflow(): Promise<void> {
  await nothing()
}
