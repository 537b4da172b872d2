import type { FailReason } from '../domain/lifecycle.ts'
import type { InstanceState } from '../ports/compute/provider.ts'

export type Inspection =
  /** `at`: whether it runs or rests, where the backend said so. */
  { readonly kind: 'fine'; readonly at?: 'running' | 'paused' } | { readonly kind: 'gone'; readonly reason: FailReason }

/** What the state of an instance means for a session that stands on it. `unknown` changes nothing. */
export function verdictOf(state: InstanceState): Inspection {
  if (state.kind === 'absent') return { kind: 'gone', reason: 'instance_lost' }
  if (state.kind === 'exited')
    return { kind: 'gone', reason: state.reason ?? (state.outOfMemory ? 'out_of_memory' : 'exited') }
  return state.kind === 'running' || state.kind === 'paused' ? { kind: 'fine', at: state.kind } : { kind: 'fine' }
}
