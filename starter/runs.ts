import { ScheduleNotFoundError, WorkflowNotFoundError } from '@temporalio/client'
import type { Client } from '@temporalio/client'
import type { Tick } from '../domain/epoch.ts'
import { reconcileWorkflowId, sessionWorkflowId, teardownWorkflowId } from '../domain/ids.ts'
import type { ProviderId, SessionId } from '../domain/ids.ts'
import type { Runs } from '../domain/runs.ts'
import { lookAgain, searchAttributes } from '../workflows/session.messages.ts'

const callTimeoutMs = 5_000
/** Runs of a schedule that are asked how far they had come. */
const mostAsked = 4
/** More than this many open runs of one provider are not listed; those left out are asked for one by one. */
const mostListed = 20_000
const idsOf = [/^session\/(.+)$/, /^teardown\/(.+)$/]

interface Execution {
  readonly workflowId: string
  readonly runId: string
}

/** A payload of another installation says nothing. */
function tickOf(result: unknown): Tick | null {
  if (typeof result !== 'object' || result === null || !('epoch' in result) || !('tick' in result)) return null
  const { epoch, tick } = result
  return typeof epoch === 'number' && typeof tick === 'number' ? { epoch, tick } : null
}

/** Asks Temporal. Every call throws where it does not answer. */
export function createRuns(client: Client): Runs {
  const within = async <T>(call: () => Promise<T>): Promise<T> =>
    await client.withDeadline(Date.now() + callTimeoutMs, call)

  const isRunning = async (workflowId: string): Promise<boolean> => {
    try {
      const { status } = await within(async () => await client.workflow.getHandle(workflowId).describe())
      return status.name === 'RUNNING'
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false
      throw error
    }
  }

  /** The newest first. */
  const recentRuns = async (providerId: string): Promise<readonly Execution[]> => {
    const schedule = client.schedule.getHandle(reconcileWorkflowId(providerId as ProviderId))
    try {
      const { info } = await within(async () => await schedule.describe())
      return info.recentActions
        .toReversed()
        .slice(0, mostAsked)
        .map(({ action }) => ({ workflowId: action.workflow.workflowId, runId: action.workflow.firstExecutionRunId }))
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return []
      throw error
    }
  }

  return {
    async listOpen(providerId) {
      const open = new Set<SessionId>()
      const query = `ExecutionStatus = 'Running' AND ${searchAttributes.provider} = '${providerId}'`
      const list = async () => {
        for await (const run of client.workflow.list({ query, pageSize: 1_000 })) {
          const id = idsOf.map((pattern) => pattern.exec(run.workflowId)?.[1]).find((found) => found !== undefined)
          // Carrel alone makes workflows of these names, from session ids.
          if (id !== undefined) open.add(id as SessionId)
          if (open.size >= mostListed) break
        }
      }
      await client.withDeadline(Date.now() + callTimeoutMs * 6, list)
      return [...open]
    },
    async standing(sessionId) {
      const running =
        (await isRunning(sessionWorkflowId(sessionId))) || (await isRunning(teardownWorkflowId(sessionId)))
      return running ? 'running' : 'none'
    },
    async lastTick(providerId) {
      for (const { workflowId, runId } of await recentRuns(providerId)) {
        const handle = client.workflow.getHandle(workflowId, runId)
        const tick = await within(async () => {
          const { status } = await handle.describe()
          return status.name === 'COMPLETED' ? tickOf(await handle.result()) : null
        }).catch((error: unknown) => {
          if (error instanceof WorkflowNotFoundError) return null
          throw error
        })
        if (tick !== null) return tick
      }
      return null
    },
    async nudge(sessionId) {
      for (const id of [sessionWorkflowId(sessionId), teardownWorkflowId(sessionId)]) {
        await within(async () => await client.workflow.getHandle(id).signal(lookAgain)).catch((error: unknown) => {
          if (!(error instanceof WorkflowNotFoundError)) throw error
        })
      }
    },
  }
}
