import type { WorkerDeps } from './deps.ts'

const usualGraceMs = 30_000
/** From the end of the grace, when what still runs is told to leave off, to the moment when it is left behind. */
const forceAfterMs = 8_000

/**
 * How a stopping worker ends: no new polls, activities finish within the grace, are then told to leave off, and at last are
 * left behind. Nothing is torn down: who comes next goes on.
 */
const drainOf = ({ graceMs = usualGraceMs }: Pick<WorkerDeps, 'graceMs'>) => ({
  shutdownGraceTime: graceMs,
  shutdownForceTime: graceMs + forceAfterMs,
})

/** What every worker of a process stands on, and how it ends. */
export const footingOf = (
  deps: Pick<WorkerDeps, 'connection' | 'namespace' | 'dataConverter' | 'graceMs' | 'interceptors'>,
) => ({
  connection: deps.connection,
  namespace: deps.namespace,
  dataConverter: deps.dataConverter,
  ...drainOf(deps),
  ...(deps.interceptors === undefined ? {} : { interceptors: deps.interceptors }),
})
