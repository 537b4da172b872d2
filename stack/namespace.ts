import { setTimeout as delay } from 'node:timers/promises'
import { isGrpcServiceError, type Connection } from '@temporalio/client'

/** The oldest server on which all that Carrel uses was tried. */
const oldestServer = [1, 29] as const
const notFound = 5
const alreadyExists = 6
const day = 24 * 60 * 60

/** Refuses a server that is too old. Answers its version. */
export async function checkServer(connection: Connection): Promise<string> {
  const { serverVersion } = await connection.workflowService.getSystemInfo({})
  const version = serverVersion ?? ''
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < oldestServer[0] || (major === oldestServer[0] && minor < oldestServer[1]))
    throw new Error(`Temporal's server is ${version}; Carrel needs ${oldestServer.join('.')} or newer`)
  return version
}

/** Makes the namespace unless it is there, and waits until the server really serves it. */
export async function ensureNamespace(connection: Connection, namespace: string, retentionDays: number): Promise<void> {
  if (!(await exists(connection, namespace))) {
    const workflowExecutionRetentionPeriod = { seconds: retentionDays * day } as never
    await connection.workflowService
      .registerNamespace({ namespace, workflowExecutionRetentionPeriod, description: 'Carrel' })
      .catch((error: unknown) => {
        if (codeOf(error) !== alreadyExists) throw error
      })
  }
  const deadline = Date.now() + 60_000
  for (;;) {
    try {
      await connection.workflowService.listWorkflowExecutions({ namespace, pageSize: 1 })
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error('Temporal does not serve the namespace', { cause: error })
      await delay(200)
    }
  }
}

async function exists(connection: Connection, namespace: string): Promise<boolean> {
  try {
    await connection.workflowService.describeNamespace({ namespace })
    return true
  } catch (error) {
    if (codeOf(error) === notFound) return false
    throw error
  }
}

const codeOf = (error: unknown): number | undefined => (isGrpcServiceError(error) ? error.code : undefined)
