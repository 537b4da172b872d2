import type { InstanceState } from '../provider.ts'
import type { HandoverRecord } from './records.ts'

/** What is seen of an instance that was handed over. */
export function stateOf({ meaning, ports, reports, host, exitCode, detail }: HandoverRecord): InstanceState {
  switch (meaning.kind) {
    case 'pending':
    case 'absent':
      return meaning
    case 'running':
      // Which the table of records forbids.
      if (host === null) return { kind: 'unknown', why: 'It runs, and nobody said where.' }
      return {
        kind: 'running',
        endpoints: reports ? [] : ports.map((port) => ({ port, host, hostPort: port })),
        host,
        unverified: true,
      }
    case 'exited':
      return {
        kind: 'exited',
        exitCode,
        outOfMemory: meaning.reason === 'out_of_memory',
        // What ended by itself is told by its code.
        ...(meaning.reason === 'exited' ? {} : { reason: meaning.reason }),
        ...(detail === '' ? {} : { detail }),
      }
    default:
      return meaning satisfies never
  }
}
