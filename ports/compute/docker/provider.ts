import type { Capabilities, ComputeProvider, InstanceState } from '../provider.ts'
import { openConnection } from './connection.ts'
import { findContainer } from './container.ts'
import { createInstance } from './create.ts'
import { createDiskLimit } from './disk.ts'
import { createEgressGuard } from './egress.ts'
import { egressRules } from './egress-rules.ts'
import { createEngine, EngineError } from './engine.ts'
import { listInstances } from './list.ts'
import { readLogs } from './logs.ts'
import { namesOf } from './names.ts'
import { removeInstance } from './remove.ts'
import type { DockerSettings } from './settings.ts'
import { instanceState } from './states.ts'

/**
 * Sessions as containers of one Docker daemon, each in a network of its own, limited and without privileges.
 * `networks` are the CIDRs in which an endpoint may lie. Nothing is connected before the first call.
 */
export function createDockerProvider(
  settings: DockerSettings,
  { networks }: { readonly networks: readonly string[] },
): ComputeProvider {
  const connection = openConnection(settings)
  const engine = createEngine(connection.docker, settings.requestTimeoutMs)
  const rules = egressRules(settings)
  const egress = createEgressGuard(engine, rules)
  const disk = createDiskLimit(engine, settings.diskLimit)
  const deps = { engine, settings, egress, disk, policy: rules.policy }

  return {
    get capabilities(): Capabilities {
      const required = settings.egressEnforcement === 'required'
      return {
        pause: false,
        gpu: false,
        diskLimit: disk.works,
        isolation: required || egress.enforced ? 'enforced' : 'partial',
        egress: settings.siteNetworks.length > 0 ? ['none', 'internet', 'site'] : ['none', 'internet'],
        mounts: true,
        logs: true,
      }
    },
    settleMs: settings.settleMs,
    create: (spec, call) => createInstance(deps, spec, call),
    async inspect(ref, { signal }): Promise<InstanceState> {
      try {
        const container = await findContainer(engine, ref, namesOf(ref), signal)
        return container === null ? { kind: 'absent' } : instanceState(container, networks)
      } catch (error) {
        if (error instanceof EngineError) return { kind: 'unknown', why: error.message }
        throw error
      }
    },
    remove: (ref, { signal }) => removeInstance(engine, ref, settings, signal),
    list: (deploymentId, { signal }) => listInstances(engine, deploymentId, networks, signal),
    logs: (ref, lines, { signal }) => readLogs(engine, ref, lines, signal),
    async close() {
      await egress.idle()
      connection.close()
    },
  }
}
