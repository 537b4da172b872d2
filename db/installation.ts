import type { Executor } from './connect.ts'

export interface Installation {
  /** What every object that Carrel makes at a provider is labelled with. */
  readonly deploymentId: string
  readonly epoch: number
}

/** What makes this installation different from every other. Throws where the database was not migrated. */
export async function readInstallation(executor: Executor): Promise<Installation> {
  const row = await executor.selectFrom('installation').select(['deployment_id', 'epoch']).executeTakeFirstOrThrow()
  return { deploymentId: row.deployment_id, epoch: row.epoch }
}
