import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Client } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import type { Path } from './paths.ts'

type Event = { workflowExecutionStartedEventAttributes?: { continuedExecutionRunId?: string | null } | null }

/**
 * Keeps the histories of the runs that a test names, to be replayed for ever: set `CARREL_RECORD_HISTORIES=1` and run the tests
 * after a change of workflow code that old runs survive. Otherwise it does nothing.
 */
export async function record(client: Client, path: Path, workflowId: string): Promise<void> {
  if (process.env['CARREL_RECORD_HISTORIES'] !== '1') return
  const runs: string[] = []
  let runId: string | undefined
  do {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory()
    runs.unshift(JSON.stringify(JSON.parse(historyToJSON(history))))
    const first: Event | undefined = history.events?.[0]
    runId = first?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? ''
  } while (runId !== '')
  const directory = fileURLToPath(new URL('.', import.meta.url))
  for (const old of readdirSync(directory))
    if (old.startsWith(`${path}.`) && old.endsWith('.json')) rmSync(`${directory}/${old}`)
  runs.forEach((text, n) => writeFileSync(`${directory}/${path}.${n + 1}.json`, `${text}\n`))
}
