import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { bundleWorkflowCode, Worker } from '@temporalio/worker'
import type { WorkflowBundle } from '@temporalio/worker'
import { beforeAll, expect, test } from 'vitest'
import { createKeyring } from '../../platform/keyring.ts'
import { createDataConverter } from '../../platform/temporal/data-converter.ts'
import { paths, recordingKey } from './histories/paths.ts'
import { installRuntime, quiet } from './runtime.ts'

installRuntime()

const file = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const recorded = readdirSync(file('./histories')).filter((name) => name.endsWith('.json'))
const dataConverter = createDataConverter(createKeyring([recordingKey]))
let bundle: WorkflowBundle

const bundleOf = async (workflowsPath: string) =>
  await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [file('../../workflows/interceptors.ts')],
    failureConverterPath: file('../../platform/temporal/failure-converter.ts'),
    logger: quiet,
  })

beforeAll(async () => {
  bundle = await bundleOf(file('../../workflows/index.ts'))
})

const replay = async (name: string, workflowBundle: WorkflowBundle) => {
  const history = historyFromJSON(JSON.parse(readFileSync(file(`./histories/${name}`), 'utf8')))
  await Worker.runReplayHistory({ workflowBundle, dataConverter, replayName: name }, history)
}

test('every path of the spine has a recorded history', () => {
  const missing = paths.filter((path) => !recorded.some((name) => name.startsWith(`${path}.`)))
  expect(missing).toEqual([])
})

test.each(recorded)('the recorded run %s replays', async (name) => {
  await replay(name, bundle)
})

test('an incompatible change is found out', async () => {
  const changed = await bundleOf(file('./histories/incompatible.ts'))
  await expect(replay('stopped.1.json', changed)).rejects.toThrow(/[Nn]ondeterminism/)
})
