import { readFile } from 'node:fs/promises'
import type { WorkflowBundle } from '@temporalio/worker'

/** The workflows as `worker/bundle.ts` wrote them. Throws where there is no such file. */
export async function readBuiltBundle(path: string): Promise<WorkflowBundle> {
  return { code: await readFile(path, 'utf8') }
}
