import { coreQueue } from '../domain/ids.ts'
import type { WorkerDeps } from './deps.ts'

export interface Standing {
  /** The name of the workflow. */
  readonly name: string
  readonly workflowId: string
  readonly input: object
  /** What operators read beside it. */
  readonly summary: string
}

/** Again and again, for it may fail, or be ended by hand. */
const everyMs = 10_000
const callTimeoutMs = 5_000

/**
 * Sees to it that a workflow runs that has no end of its own. Returns when it was tried for the first time, with the way to leave
 * off; where Temporal does not answer it is tried again. `failed`: it could not be started this time.
 */
export async function keepRunning(
  { client }: Pick<WorkerDeps, 'client'>,
  { name, workflowId, input, summary }: Standing,
  failed: (error: unknown) => void,
): Promise<() => void> {
  const ensure = async () => {
    try {
      await client.withDeadline(Date.now() + callTimeoutMs, async () => {
        await client.workflow.start(name, {
          workflowId,
          taskQueue: coreQueue,
          args: [input],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: summary,
        })
      })
    } catch (error) {
      failed(error)
    }
  }
  const timer = setInterval(() => void ensure(), everyMs)
  await ensure()
  return () => clearInterval(timer)
}
