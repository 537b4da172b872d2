import type { Client } from '@temporalio/client'
import type { Db } from '../db/connect.ts'
import { verifyGround } from '../db/epoch.ts'

const callTimeoutMs = 5_000

/**
 * Looks what the installation stands on: its database and its Temporal namespace. One that finds itself elsewhere than when it
 * was armed disarms itself, in its own row, where every process reads it.
 */
export function checkGround(db: Db, client: Client, warn: (message: string, error: unknown) => void) {
  let known = false
  let looking: Promise<void> | null = null

  const verify = async () => {
    const { namespaceInfo } = await client.withDeadline(
      Date.now() + callTimeoutMs,
      async () => await client.connection.workflowService.describeNamespace({ namespace: client.options.namespace }),
    )
    const id = namespaceInfo?.id ?? ''
    if (id === '') throw new Error('Temporal gave its namespace no id.')
    const { disarmed } = await verifyGround(db, id)
    if (disarmed !== null)
      warn(
        'The installation is disarmed: nothing is started, torn down or removed until an operator arms it.',
        disarmed,
      )
    known = true
  }
  const look = async (): Promise<void> => {
    looking ??= verify().finally(() => {
      looking = null
    })
    await looking.catch((error: unknown) => warn('What the installation stands on could not be seen.', error))
  }
  return {
    look,
    /** Whether somebody has looked since this process began; looks if not. */
    async isKnown(): Promise<boolean> {
      if (!known) await look()
      return known
    },
  }
}
