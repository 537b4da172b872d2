import type { CallContext, ComputeProvider, InstanceRef, InstanceState } from '../../ports/compute/provider.ts'
import type { ProofBackend } from '../proof/backend.ts'

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

/** Providers on one backend, each of which is silent in its own way, between Carrel and the driver. */
export function createSickProviders({ provider: well }: Pick<ProofBackend, 'provider'>) {
  const gates = {
    creates: createGate('shut'),
    lists: createGate('shut'),
    inspections: createGate('open'),
    removals: createGate('shut'),
    everything: createGate('shut'),
  }
  let refusing = true
  const vain = new Map<string, number>()
  const inVain = ({ name }: InstanceRef) => void vain.set(name, (vain.get(name) ?? 0) + 1)

  const through = (gate: Gate): Pick<ComputeProvider, 'create' | 'inspect' | 'remove' | 'list'> => ({
    create: async (spec, call) => (await gate.pass(call), await well.create(spec, call)),
    inspect: async (ref, call) => (await gate.pass(call), await well.inspect(ref, call)),
    remove: async (ref, call) => {
      inVain(ref)
      await gate.pass(call)
      return await well.remove(ref, call)
    },
    async *list(deploymentId, call) {
      await gate.pass(call)
      yield* well.list(deploymentId, call)
    },
  })
  const sick: Readonly<Record<string, Partial<ComputeProvider>>> = {
    well: {},
    locked: {},
    stuck: {},
    full: { create: through(gates.creates).create },
    creates: { create: through(gates.creates).create },
    nowhere: {
      inspect: async (ref, call) => unreached(await well.inspect(ref, call)),
      async *list(deploymentId, call) {
        for await (const one of well.list(deploymentId, call)) yield { ...one, state: unreached(one.state) }
      },
    },
    away: { create: () => Promise.resolve({ kind: 'unavailable', retryAfterMs: null, detail: 'nobody answers' }) },
    lists: { list: through(gates.lists).list },
    inspections: { inspect: through(gates.inspections).inspect },
    removals: { remove: through(gates.removals).remove },
    refuses: {
      remove: async (ref, call) => {
        if (!refusing) return await well.remove(ref, call)
        inVain(ref)
        return { kind: 'unknown', why: 'it says no' }
      },
    },
    everything: through(gates.everything),
  }
  return {
    gates,
    ids: Object.keys(sick),
    open: (id: string): ComputeProvider => ({ ...well, ...sick[id] }),
    /** How often an instance was to be removed, and its provider was silent or would not. */
    vainRemovals: (name: string) => vain.get(name) ?? 0,
    /** What refused to be removed is removed from now on. */
    giveIn: () => void (refusing = false),
  }
}

/** Its doors are where nobody answers. */
const unreached = (state: InstanceState): InstanceState =>
  state.kind === 'running'
    ? { ...state, endpoints: state.endpoints.map((endpoint) => ({ ...endpoint, host: '192.0.2.1' })) }
    : state
