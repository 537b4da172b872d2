import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { CallContext, ComputeProvider } from '../../ports/compute/provider.ts'

/** Where calls are taken and never answered while it is shut: as long as nobody opens it, and the caller waits. */
export interface Gate {
  shut(): void
  open(): void
  /** Settles when it is open; rejects when the caller gives up. */
  pass(call: CallContext): Promise<void>
}

export function createGate(state: 'open' | 'shut'): Gate {
  let opening = Promise.withResolvers<void>()
  if (state === 'open') opening.resolve()
  return {
    shut: () => void (opening = Promise.withResolvers<void>()),
    open: () => opening.resolve(),
    async pass({ signal }) {
      signal.throwIfAborted()
      const givenUp = Promise.withResolvers<never>()
      const giveUp = () => givenUp.reject(signal.reason)
      signal.addEventListener('abort', giveUp, { once: true })
      await Promise.race([opening.promise, givenUp.promise]).finally(() => signal.removeEventListener('abort', giveUp))
    },
  }
}

/** Providers on one backend, each of which is silent in its own way. */
export function createSickProviders() {
  const backend = createFakeBackend()
  const fake = createFakeProvider({ backend, endpoint: 'serve', settleMs: 50 })
  const nowhere = createFakeProvider({ backend, endpoint: 'nowhere', settleMs: 50 })
  const gates = {
    creates: createGate('shut'),
    lists: createGate('shut'),
    inspections: createGate('open'),
    removals: createGate('shut'),
    everything: createGate('shut'),
  }
  let refusing = true

  const through = (gate: Gate): Pick<ComputeProvider, 'create' | 'inspect' | 'remove' | 'list'> => ({
    create: async (spec, call) => (await gate.pass(call), await fake.create(spec, call)),
    inspect: async (ref, call) => (await gate.pass(call), await fake.inspect(ref, call)),
    remove: async (ref, call) => (await gate.pass(call), await fake.remove(ref, call)),
    async *list(deploymentId, call) {
      await gate.pass(call)
      yield* fake.list(deploymentId, call)
    },
  })
  const sick: Readonly<Record<string, Partial<ComputeProvider>>> = {
    well: {},
    locked: {},
    stuck: {},
    full: { create: through(gates.creates).create },
    creates: { create: through(gates.creates).create },
    nowhere,
    away: { create: () => Promise.resolve({ kind: 'unavailable', retryAfterMs: null, detail: 'nobody answers' }) },
    lists: { list: through(gates.lists).list },
    inspections: { inspect: through(gates.inspections).inspect },
    removals: { remove: through(gates.removals).remove },
    refuses: {
      remove: async (ref, call) => {
        if (!refusing) return await fake.remove(ref, call)
        backend.calls.remove += 1
        return { kind: 'unknown', why: 'it says no' }
      },
    },
    everything: through(gates.everything),
  }
  return {
    backend,
    gates,
    ids: Object.keys(sick),
    open: (id: string): ComputeProvider => ({ ...fake, ...sick[id] }),
    /** What refused to be removed is removed from now on. */
    giveIn: () => void (refusing = false),
  }
}
