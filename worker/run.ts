import type { Worker } from '@temporalio/worker'

export interface Running {
  /** Drains for at most the worker's grace time; rejects never. */
  stop(): Promise<void>
}

/** Runs a worker beside others. What ends it by itself is told to `failed`. */
export function run(worker: Worker, failed: (error: unknown) => void): Running {
  let stopping = false
  const ended = worker.run().catch((error: unknown) => {
    if (!stopping) failed(error)
  })
  return {
    async stop() {
      stopping = true
      if (worker.getState() === 'RUNNING') worker.shutdown()
      await ended
    },
  }
}
