import { createBackendReach } from '../backend-reach.ts'
import type { BackendReach } from '../backend-reach.ts'
import type { Capabilities, ComputeProvider } from '../provider.ts'
import { createApi } from './api.ts'
import { checkCluster } from './check.ts'
import { createInstance } from './create.ts'
import { inspectInstance } from './inspect.ts'
import { listInstances } from './list.ts'
import { readLogs } from './logs.ts'
import { pauseInstance, resumeInstance } from './pause.ts'
import { removeInstance } from './remove.ts'
import type { KubernetesSettings } from './settings.ts'

/**
 * Sessions as Pods of a Kubernetes cluster, each with an owner that takes all along when it goes. `networks` are the CIDRs in
 * which an endpoint may lie. Nothing is connected before the first call.
 */
export function createKubernetesProvider(
  settings: KubernetesSettings,
  {
    networks,
    reach = createBackendReach(null),
  }: { readonly networks: readonly string[]; readonly reach?: BackendReach },
): ComputeProvider {
  const api = createApi(settings, reach)
  const deps = { api, settings, networks }
  const capabilities: Capabilities = {
    pause: true,
    resume: 'wakes',
    // What a GPU is called, a template may say as well: what neither names is refused by `objection`.
    gpu: true,
    diskLimit: true,
    isolation: settings.networkPoliciesEnforced ? 'enforced' : 'partial',
    egress: settings.siteNetworks.length > 0 ? ['none', 'internet', 'site'] : ['none', 'internet'],
    mounts: true,
    logs: true,
  }
  return {
    capabilities,
    settleMs: settings.settleMs,
    create: (spec, call) => createInstance(deps, spec, call),
    inspect: (ref, { signal }) => inspectInstance(deps, ref, signal),
    remove: (ref, { signal }) => removeInstance(api, ref, settings, signal),
    list: (deploymentId, { signal }) => listInstances(deps, deploymentId, signal),
    pause: (ref, { signal }) => pauseInstance(deps, ref, signal),
    resume: (ref, { signal }) => resumeInstance(deps, ref, signal),
    logs: (ref, lines, { signal }) => readLogs(api, settings, ref, lines, signal),
    check: (ask, { signal }) => checkCluster(deps, ask, signal),
    close: () => api.close(),
  }
}
