import { DefaultLogger, Runtime } from '@temporalio/worker'

/** What Temporal's workers in this process say themselves: errors alone. */
export const quiet = new DefaultLogger('ERROR')

/** A process has one, which the first worker would make by itself: whoever makes workers imports this before. */
Runtime.install({ shutdownSignals: [], logger: quiet })
