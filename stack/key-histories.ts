import { connectTemporal } from '../platform/temporal/connection.ts'
import type { TemporalPlace } from '../platform/temporal/connection.ts'

/** Runs of workflows that began before a moment: all that may hold payloads which were encrypted before it. */
export interface Histories {
  readonly before: Date
  readonly running: number
  /** Ended, and kept until the namespace's retention has passed. */
  readonly closed: number
  /** How long Temporal keeps a run after its end; null when the server does not say. */
  readonly retentionDays: number | null
}

const callTimeoutMs = 10_000
const daySeconds = 24 * 60 * 60

/**
 * Asks Temporal. Its lists lag a few seconds behind.
 * @throws when it does not answer within 10 s
 */
export async function readHistories(place: TemporalPlace, before: Date): Promise<Histories> {
  const connection = await connectTemporal(place)
  const { namespace } = place
  const began = `StartTime < '${before.toISOString()}'`
  try {
    return await connection.withDeadline(Date.now() + callTimeoutMs, async () => {
      const service = connection.workflowService
      const count = async (query: string) => Number((await service.countWorkflowExecutions({ namespace, query })).count)
      const { config } = await service.describeNamespace({ namespace })
      const seconds = config?.workflowExecutionRetentionTtl?.seconds
      return {
        before,
        running: await count(`${began} AND ExecutionStatus = 'Running'`),
        closed: await count(`${began} AND ExecutionStatus != 'Running'`),
        retentionDays: seconds === undefined || seconds === null ? null : Number(seconds) / daySeconds,
      }
    })
  } finally {
    await connection.close()
  }
}
