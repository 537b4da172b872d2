import type { Client } from '@temporalio/client'
import type { Db } from '../db/connect.ts'
import { verifyGround } from '../db/epoch.ts'

const callTimeoutMs = 5_000

/** What an installation stands on, as this process last saw it. */
export interface Ground {
  /** Looks now; where something does not answer, what was known stays. */
  look(): Promise<void>
  /** Looks now, and says whether the installation may act. What could not be seen may be a copy. */
  isArmed(): Promise<boolean>
  /** Whether somebody has looked since this process began; looks if not. */
  isKnown(): Promise<boolean>
  /** Why this process must take no work from Temporal; `null`: it may. */
  whyAside(): string | null
}

/**
 * Looks what the installation stands on: its database and its Temporal namespace. One that finds itself elsewhere than when it
 * was armed disarms itself, in its own row, where every process reads it.
 */
export function checkGround(db: Db, client: Client, warn: (message: string, error: unknown) => void): Ground {
  let aside: string | null = 'Nobody has seen yet what the installation stands on.'
  let known = false
  let looking: Promise<boolean> | null = null

  const verify = async (): Promise<boolean> => {
    const { namespaceInfo } = await client.withDeadline(
      Date.now() + callTimeoutMs,
      async () => await client.connection.workflowService.describeNamespace({ namespace: client.options.namespace }),
    )
    const id = namespaceInfo?.id ?? ''
    if (id === '') throw new Error('Temporal gave its namespace no id.')
    const { disarmed, sharesTemporal } = await verifyGround(db, id)
    if (disarmed !== null)
      warn(
        'The installation is disarmed: nothing is started, torn down or removed until an operator arms it.',
        disarmed,
      )
    // The runs there may be those of the original, which knows sessions that this database does not.
    aside = sharesTemporal
      ? 'The database is a copy, and its Temporal namespace the original: an operator must arm it.'
      : null
    known = true
    return disarmed === null
  }
  const seen = async (): Promise<boolean> => {
    looking ??= verify().finally(() => {
      looking = null
    })
    return await looking
  }
  const look = async (): Promise<void> => {
    await seen().catch((error: unknown) => warn('What the installation stands on could not be seen.', error))
  }
  return {
    look,
    isArmed: seen,
    async isKnown() {
      if (!known) await look()
      return known
    },
    whyAside: () => aside,
  }
}
