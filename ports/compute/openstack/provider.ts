import { createBackendReach } from '../backend-reach.ts'
import type { BackendReach } from '../backend-reach.ts'
import type { Capabilities, ComputeProvider, Created } from '../provider.ts'
import { readAuthorities, readCloud } from './account.ts'
import { createApi } from './api.ts'
import { createChanging } from './changing.ts'
import { checkCloud } from './check.ts'
import { createInstance } from './create.ts'
import { inspectInstance } from './inspect.ts'
import { createLimit } from './limit.ts'
import { createLooks } from './looks.ts'
import { listInstances } from './list.ts'
import { createNamed } from './named.ts'
import { removeInstance } from './remove.ts'
import { readConsole, rest } from './rest.ts'
import type { OpenstackSettings } from './settings.ts'
import { createIdentity } from './token.ts'
import { openWire } from './wire.ts'

export interface OpenstackContext {
  /** CIDRs in which an endpoint may lie. */
  readonly networks: readonly string[]
  /** Where the cloud's services may lie; anywhere unless told. */
  readonly reach?: BackendReach
}

/**
 * Sessions as servers of one OpenStack project, each with a port, a security group and, where the settings say so, a floating address
 * of its own. Connects with the first call. Throws `CloudsFault` where the settings name files that cannot be read or understood.
 */
export function createOpenstackProvider(settings: OpenstackSettings, context: OpenstackContext): ComputeProvider {
  const { networks, reach = createBackendReach(null) } = context
  const cloud = readCloud(settings)
  const ca = readAuthorities(settings, cloud)
  const wire = openWire({ reach, verify: cloud.verify, ...(ca === undefined ? {} : { ca }) })
  const identity = createIdentity(wire, () => readCloud(settings), settings.requestTimeoutMs)
  const api = createApi(wire, identity, settings.requestTimeoutMs)
  const named = createNamed(api)
  const looks = createLooks(api)
  const deps = {
    api,
    looks,
    changing: createChanging({ api, looks }),
    settings,
    named,
    boots: createLimit(settings.parallelBoots),
    removals: createLimit(settings.parallelRemovals),
    claimed: new Set<string>(),
  }
  const capabilities: Capabilities = {
    pause: true,
    gpu: true,
    diskLimit: true,
    isolation: 'enforced',
    egress: settings.siteNetworks.length > 0 ? ['none', 'internet', 'site'] : ['none', 'internet'],
    mounts: false,
    logs: true,
  }

  /** The making of one name happens once here, however many ask. */
  const making = new Map<string, Promise<Created>>()

  return {
    capabilities,
    settleMs: settings.settleMs,
    async create(spec, call) {
      const key = `${spec.deploymentId} ${spec.name}`
      const begun = making.get(key)
      if (begun !== undefined) {
        const created = await begun
        return created.kind === 'made' ? { ...created, kind: 'adopted' } : created
      }
      const made = createInstance(deps, spec, call).finally(() => making.delete(key))
      making.set(key, made)
      return await made
    },
    inspectsTogether: true,
    inspect: (ref, { signal }) => inspectInstance(deps, ref, networks, signal),
    remove: (ref, { signal }) => removeInstance(deps, ref, signal),
    list: (deploymentId, { signal }) => listInstances(deps, deploymentId, networks, signal),
    pause: (ref, { signal }) => rest(deps, ref, 'pause', networks, signal),
    resume: (ref, { signal }) => rest(deps, ref, 'resume', networks, signal),
    logs: (ref, lines, { signal }) => readConsole(deps, ref, lines, signal),
    check: (ask, call) => checkCloud(deps, ask, call),
    close: () => wire.close(),
  }
}
