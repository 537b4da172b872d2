import { DefaultLogger, Runtime } from '@temporalio/worker'

/** What Temporal's workers in this process say themselves: errors alone. */
export const quiet = new DefaultLogger('ERROR')

let isInstalled = false

/** A process has one runtime, which its first worker would make by itself, and which files that run in one process share. */
export function installRuntime(): void {
  if (!isInstalled) Runtime.install({ shutdownSignals: [], logger: quiet })
  isInstalled = true
}
