import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Limits, Resources } from '../domain/resources.ts'

interface Columns<N> {
  readonly sessions: N
  readonly cpu_milli: N
  readonly memory_mib: N
  readonly disk_mib: N
  readonly gpus: N
}

export const resourceNames = ['sessions', 'cpu_milli', 'memory_mib', 'disk_mib', 'gpus'] as const

/** Resources, or limits, as the columns that hold them. */
export const resourceColumns = <R extends Resources | Limits>(r: R): Columns<R['sessions']> => ({
  sessions: r.sessions,
  cpu_milli: r.cpuMilli,
  memory_mib: r.memoryMib,
  disk_mib: r.diskMib,
  gpus: r.gpus,
})

/** The columns of a row that holds resources or limits, as the value. */
export const resourcesOf = <N extends number | null>(row: Columns<N>) => ({
  sessions: row.sessions,
  cpuMilli: row.cpu_milli,
  memoryMib: row.memory_mib,
  diskMib: row.disk_mib,
  gpus: row.gpus,
})

/** The sums of the resource columns, for a query over reservations. Sums of `int` are `bigint`: cast to a number that fits. */
export const resourceSums: RawBuilder<unknown> = sql.raw(
  resourceNames.map((c) => `coalesce(sum(${c}), 0)::float8 as ${c}`).join(', '),
)
