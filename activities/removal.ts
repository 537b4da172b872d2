import { ApplicationFailure } from '@temporalio/activity'
import { pause } from './pause.ts'
import type { CallContext, ComputeProvider, InstanceRef, Removed } from '../ports/compute/provider.ts'

/**
 * Removes, and says `removed` only when nothing can be left: after a create whose answer is known the driver's own
 * confirmation is enough; after one of unknown outcome the object may still appear, so it is asked again `settleMs` later.
 */
export async function confirmRemoval(
  provider: ComputeProvider,
  instance: { readonly ref: InstanceRef; readonly made: boolean },
  call: CallContext,
): Promise<Removed> {
  const first = await provider.remove(instance.ref, call)
  if (first.kind === 'unknown' || instance.made) return first
  await pause(provider.settleMs, call.signal)
  return await provider.remove(instance.ref, call)
}

/** A removal that the provider did not confirm is tried again. */
export function requireRemoved(removed: Removed): void {
  if (removed.kind === 'unknown')
    throw ApplicationFailure.retryable('The provider did not confirm the removal.', 'provider_unreachable')
}
