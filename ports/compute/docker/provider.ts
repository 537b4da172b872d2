import type { BackendReach } from '../backend-reach.ts'
import type { Capabilities, ComputeProvider } from '../provider.ts'
import { checkDaemon } from './check.ts'
import { openConnection } from './connection.ts'
import { createInstance } from './create.ts'
import { createDiskLimit } from './disk.ts'
import { createEgressGuard } from './egress.ts'
import { egressRules } from './egress-rules.ts'
import { createEngine } from './engine.ts'
import { inspectInstance } from './inspect.ts'
import { listInstances } from './list.ts'
import { readLogs } from './logs.ts'
import { removeInstance } from './remove.ts'
import type { DockerSettings } from './settings.ts'

/**
 * Sessions as containers of one Docker daemon, each in a network of its own, limited and without privileges.
 * `networks` are the CIDRs in which an endpoint may lie. Nothing is connected before the first call.
 */
export function createDockerProvider(
  settings: DockerSettings,
  { networks, reach }: { readonly networks: readonly string[]; readonly reach?: BackendReach },
): ComputeProvider {
  const connection = openConnection(settings, reach)
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
        reports: false,
      }
    },
    settleMs: settings.settleMs,
    create: (spec, call) => createInstance(deps, spec, call),
    inspect: (ref, { signal }) => inspectInstance(engine, ref, networks, signal),
    remove: (ref, { signal }) => removeInstance(engine, ref, settings, signal),
    list(deploymentId, { signal }) {
      egress.refresh()
      disk.learn()
      return listInstances(engine, deploymentId, networks, signal)
    },
    logs: (ref, lines, { signal }) => readLogs(engine, ref, lines, signal),
    check: (ask, { signal }) => checkDaemon(deps, ask, signal),
    async close() {
      await egress.idle()
      await disk.stop()
      connection.close()
    },
  }
}
