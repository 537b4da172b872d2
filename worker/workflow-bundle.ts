import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode } from '@temporalio/worker'
import type { WorkflowBundle } from '@temporalio/worker'

const file = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

/** What is put into a bundle; a proof names its own variant. Paths are absolute. */
export interface WorkflowSources {
  /** The module that exports the workflows. */
  readonly workflowsPath?: string
  /** Modules whose interceptors stand around those that every build has. */
  readonly interceptorModules?: readonly string[]
}

/** Bundles the workflows for their sandbox; takes seconds. Several workers may share a bundle. */
export async function bundleWorkflows({
  workflowsPath = file('../workflows/index.ts'),
  interceptorModules = [],
}: WorkflowSources = {}): Promise<WorkflowBundle> {
  return await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [...interceptorModules, file('../workflows/interceptors.ts')],
    failureConverterPath: file('../platform/temporal/failure-converter.ts'),
    logger: quiet,
  })
}

const nothing = () => undefined
const quiet = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing }
