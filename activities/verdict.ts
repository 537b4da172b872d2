import type { FailReason } from '../domain/lifecycle.ts'
import type { InstanceState } from '../ports/compute/provider.ts'

export type Inspection = { readonly kind: 'fine' } | { readonly kind: 'gone'; readonly reason: FailReason }

/** What the state of an instance means for a session that stands on it. `unknown` and `paused` change nothing. */
export function verdictOf(state: InstanceState): Inspection {
  if (state.kind === 'absent') return { kind: 'gone', reason: 'instance_lost' }
  if (state.kind === 'exited')
    return { kind: 'gone', reason: state.reason ?? (state.outOfMemory ? 'out_of_memory' : 'exited') }
  return { kind: 'fine' }
}
