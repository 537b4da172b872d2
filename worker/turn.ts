import type { Client } from '@temporalio/client'
import { coreQueue } from '../domain/ids.ts'
import { routingOf } from '../platform/temporal/builds.ts'
import type { Build, Routing } from '../platform/temporal/builds.ts'
import type { Logger } from '../platform/logging.ts'

const callTimeoutMs = 3_000

/** `null`: Temporal gives this worker workflows. Else why it does not, for operators. */
export function whyIdle(own: Build | null, { current, ramping }: Routing): string | null {
  if (isSame(own, current) || (own !== null && isSame(own, ramping))) return null
  const taken =
    current === null ? 'workers without a version' : `the build ${current.buildId} of ${current.deploymentName}`
  return own === null
    ? `This worker has no version, and Temporal gives workflows to ${taken} alone. Set CARREL_WORKER_BUILD_ID, or: npm run workers -- unversioned`
    : `The build ${own.buildId} of ${own.deploymentName} is not current: Temporal gives workflows to ${taken}. npm run workers -- promote ${own.buildId}`
}

const isSame = (one: Build | null, other: Build | null): boolean =>
  one?.deploymentName === other?.deploymentName && one?.buildId === other?.buildId

/**
 * Whether it is this build's turn to run workflows. With worker versioning a worker may poll for ever and be given nothing:
 * it must not look as if it served.
 */
export function createTurn({ client, log }: { readonly client: Client; readonly log: Logger }, own: Build | null) {
  let idle: string | null = null
  return {
    /** Asks Temporal; where it does not answer, what was known stays. Says in the log what changed. */
    async look(): Promise<void> {
      let found: string | null
      try {
        const { namespace } = client.options
        const routing = await client.withDeadline(
          Date.now() + callTimeoutMs,
          async () => await routingOf(client.workflowService, namespace, coreQueue),
        )
        found = whyIdle(own, routing)
      } catch {
        return
      }
      if (found !== null && idle === null) log.warn(found)
      if (found === null && idle !== null) log.info('Temporal gives this worker workflows now.')
      idle = found
    },
    /** As `whyIdle`, when it was last asked. */
    whyIdle: (): string | null => idle,
  }
}
