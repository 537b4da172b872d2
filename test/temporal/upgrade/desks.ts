import type {
  CallContext,
  ComputeProvider,
  InstanceRef,
  InstanceState,
  Removed,
} from '../../../ports/compute/provider.ts'
import type { SessionId } from '../../../domain/ids.ts'
import { instanceName } from '../../../domain/ids.ts'

/** A provider that holds sessions where a test wants them, whatever is behind it. It outlives every worker. */
export function createHold(behind: ComputeProvider) {
  let starting = false
  let making = true
  const stuck = new Set<string>()
  const hanging = new Set<string>()
  const held = new Set<string>()
  const seen = ({ name }: InstanceRef, state: InstanceState): InstanceState =>
    held.has(name) && state.kind === 'running' ? { kind: 'pending', reason: 'held' } : state
  const provider: ComputeProvider = {
    ...behind,
    async create(spec, call) {
      while (!making) {
        if (call.signal.aborted) return { kind: 'unavailable', retryAfterMs: null, detail: 'it was left off' }
        await rest()
      }
      if (starting) held.add(spec.name)
      return await behind.create(spec, call)
    },
    inspect: async (ref, call) => seen(ref, await behind.inspect(ref, call)),
    async *list(deploymentId, call) {
      for await (const one of behind.list(deploymentId, call)) yield { ...one, state: seen(one.ref, one.state) }
    },
    async remove(ref: InstanceRef, call: CallContext): Promise<Removed> {
      while (stuck.has(ref.name)) {
        hanging.add(ref.name)
        if (call.signal.aborted) return { kind: 'unknown', why: 'it hangs' }
        await rest()
      }
      return await behind.remove(ref, call)
    },
  }
  return {
    provider,
    /** What is made from now on does not come up before `letStart`. */
    holdStarts: () => void (starting = true),
    letStart() {
      starting = false
      held.clear()
    },
    /** Creates hang until `letMake`. */
    holdCreates: () => void (making = false),
    letMake: () => void (making = true),
    /** Removals of these hang until `letGo`. */
    holdRemovals: (ids: readonly SessionId[]) => ids.forEach((id) => stuck.add(instanceName(id, 1))),
    letGo: () => stuck.clear(),
    /** Whether a removal of it was begun, and hung. */
    hasHung: (id: SessionId) => hanging.has(instanceName(id, 1)),
  }
}

const rest = async () => await new Promise((resolve) => setTimeout(resolve, 20))
