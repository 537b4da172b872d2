import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { Client, Connection } from '@temporalio/client'

/** What Temporal itself takes for a workflow with one activity, on the same server. */
export interface Noop {
  /** Starts one and waits for its end. */
  run(): Promise<void>
  close(): Promise<void>
}

const taskQueue = 'bench-noop'
const log = () => undefined
const quiet = { log, trace: log, debug: log, info: log, warn: log, error: log }
let installed = false

export async function createNoop(address: string, namespace: string): Promise<Noop> {
  if (!installed) Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') })
  installed = true
  const native = await NativeConnection.connect({ address })
  const connection = await Connection.connect({ address, channelArgs: { 'grpc.enable_http_proxy': 0 } })
  const client = new Client({ connection, namespace })
  const workflowsPath = fileURLToPath(new URL('noop.workflows.ts', import.meta.url))
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue,
    workflowBundle: await bundleWorkflowCode({ workflowsPath, logger: quiet }),
    activities: { nothing: async () => undefined },
  })
  const running = worker.run()
  return {
    async run() {
      await client.workflow.execute('noopWorkflow', { workflowId: `noop-${randomUUID()}`, taskQueue })
    },
    async close() {
      worker.shutdown()
      await running
      await Promise.all([native.close(), connection.close()])
    },
  }
}
