import { createBackendReach } from '../backend-reach.ts'
import type { BackendReach } from '../backend-reach.ts'
import type { CallContext, ComputeProvider, Created, InstanceSpec } from '../provider.ts'
import { createApi } from './api.ts'
import { checkProvider } from './check.ts'
import { createInstance } from './create.ts'
import { createLocate } from './hosts.ts'
import { inspectInstance } from './inspect.ts'
import { listInstances } from './list.ts'
import { createMissing } from './missing.ts'
import { createPace } from './pace.ts'
import { createSight } from './reader.ts'
import { removeInstance } from './remove.ts'
import { createRoll } from './roll.ts'
import type { SlurmSettings } from './settings.ts'
import { createTokens } from './tokens.ts'
import { usageOf } from './usage.ts'
import { createWire } from './wire.ts'

/**
 * Sessions as jobs of a Slurm cluster, each of its own POSIX user, through slurmrestd. `networks` are the CIDRs in which nodes may
 * lie. Nothing is connected before the first call.
 */
export function createSlurmProvider(
  settings: SlurmSettings,
  {
    networks,
    reach = createBackendReach(null),
  }: { readonly networks: readonly string[]; readonly reach?: BackendReach },
): ComputeProvider {
  const wire = createWire(settings, reach)
  const tokens = createTokens(settings)
  const api = createApi(wire, tokens, settings)
  const roll = createRoll((signal) => api.jobs(signal))
  const locate = createLocate(settings, networks)
  const missing = createMissing(settings.lostAfterMs)
  const sight = createSight(api, settings.user)
  const deps = { api, roll, sight, pace: createPace(), locate, missing, settings }

  /** Creates of one name follow one another: Slurm would take them all. */
  const making = new Map<string, Promise<unknown>>()
  async function inTurn(spec: InstanceSpec, call: CallContext): Promise<Created> {
    const key = `${spec.deploymentId} ${spec.name}`
    const before = making.get(key)
    const mine = (before ?? Promise.resolve()).then(async () => await createInstance(deps, spec, call))
    const ended = mine.catch(() => undefined)
    making.set(key, ended)
    try {
      return await mine
    } finally {
      if (making.get(key) === ended) making.delete(key)
    }
  }

  return {
    capabilities: {
      pause: false,
      gpu: true,
      diskLimit: false,
      isolation: 'partial',
      egress: ['internet', 'site'],
      mounts: false,
      logs: false,
      usage: true,
    },
    settleMs: settings.settleMs,
    create: inTurn,
    inspect: (ref, { signal }) => inspectInstance(deps, ref, signal),
    remove: (ref, { signal }) => removeInstance(deps, ref, signal),
    list: (deploymentId, { signal }) => listInstances(deps, deploymentId, signal),
    usage: (ref, { signal }) => usageOf(deps, ref, signal),
    check: (ask, { signal }) => checkProvider({ api, tokens, settings }, ask, signal),
    close: () => wire.close(),
  }
}
