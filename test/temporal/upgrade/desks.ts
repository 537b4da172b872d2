import type { FakeProvider } from '../../../ports/compute/fake/provider.ts'
import type { CallContext, ComputeProvider, InstanceRef, Removed } from '../../../ports/compute/provider.ts'
import type { SessionId } from '../../../domain/ids.ts'
import { instanceName } from '../../../domain/ids.ts'

/** A backend on which a test holds sessions where it wants them. It outlives every worker. */
export function createHold(fake: FakeProvider) {
  let starting = false
  let making = true
  const stuck = new Set<string>()
  const provider: ComputeProvider = {
    ...fake,
    async create(spec, call) {
      while (!making) {
        if (call.signal.aborted) return { kind: 'unavailable', retryAfterMs: null, detail: 'it was left off' }
        await rest()
      }
      const created = await fake.create(spec, call)
      if (starting) fake.backend.setState(spec.name, { kind: 'pending', reason: 'held' })
      return created
    },
    async remove(ref: InstanceRef, call: CallContext): Promise<Removed> {
      while (stuck.has(ref.name)) {
        if (call.signal.aborted) return { kind: 'unknown', why: 'it hangs' }
        await rest()
      }
      return await fake.remove(ref, call)
    },
  }
  return {
    provider,
    /** What is made from now on does not come up before `letStart`. */
    holdStarts: () => void (starting = true),
    letStart() {
      starting = false
      for (const instance of fake.backend.instances.values())
        if (instance.state().kind === 'pending') instance.become({ kind: 'running', endpoints: [] })
    },
    /** Creates hang until `letMake`. */
    holdCreates: () => void (making = false),
    letMake: () => void (making = true),
    /** Removals of these hang until `letGo`. */
    holdRemovals: (ids: readonly SessionId[]) => ids.forEach((id) => stuck.add(instanceName(id, 1))),
    letGo: () => stuck.clear(),
  }
}

const rest = async () => await new Promise((resolve) => setTimeout(resolve, 20))
