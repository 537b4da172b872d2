import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { Connection } from '@temporalio/client'
import { freePort } from '../../stack/ports.ts'
import { registerSearchAttributes } from '../../stack/search-attributes.ts'
import { findTemporal } from '../../stack/temporal-search.ts'
import { startTemporal } from '../../stack/temporal.ts'
import { bundleWorkflows } from '../../worker/workflow-bundle.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    temporalAddress: string
    temporalNamespace: string
    /** The CLI itself, for a test that needs a server of its own to stop and start. */
    temporalCli: string
    /** The workflows of this build, bundled once for all workers of all tests. */
    workflowBundle: string
  }
}

const namespace = 'carrel'

/** One Temporal development server for the project, in memory, with Carrel's search attributes registered. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cli = await findTemporal({
    named: process.env['TEMPORAL_CLI_PATH'],
    path: process.env['PATH'],
    cacheHome: process.env['XDG_CACHE_HOME'],
  })
  if (cli === undefined) throw new Error('There is no Temporal CLI: `npm start` fetches one, or set TEMPORAL_CLI_PATH')
  const server = await startTemporal({ cli, port: await freePort(), namespace })
  const connection = await Connection.connect({ address: server.address })
  try {
    await registerSearchAttributes(connection, namespace)
  } finally {
    await connection.close()
  }
  const directory = await mkdtemp(join(tmpdir(), 'carrel-test-bundle-'))
  const bundle = join(directory, 'workflows.js')
  await writeFile(bundle, (await bundleWorkflows()).code)
  project.provide('workflowBundle', bundle)
  project.provide('temporalAddress', server.address)
  project.provide('temporalNamespace', namespace)
  project.provide('temporalCli', cli)
  return async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
}
