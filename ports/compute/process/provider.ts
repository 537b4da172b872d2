import { addressList } from '../networks.ts'
import { ProviderUnreachable, type CallContext, type ComputeProvider, type ObservedInstance } from '../provider.ts'
import { checkMachine } from './check.ts'
import { createInstance, createLimitMs } from './create.ts'
import { detailOf } from './files.ts'
import { inspectInstance, stateOf, type InspectDeps } from './inspect.ts'
import { readLogs } from './logs.ts'
import { createPlaces, makePlaces } from './places.ts'
import { readRecords } from './record.ts'
import { removeInstance } from './remove.ts'
import type { ProcessSettings } from './settings.ts'
import { findTools } from './tools.ts'

/**
 * Runs instances as confined processes of this machine: for development and for machines without Docker. They outlive the
 * worker, and any worker on the machine that knows the state directory carries on with them. Linux only.
 *
 * What is enforced: a user that is not root (as root, one that nothing else runs as), no new privileges, limits per process
 * (memory, file size, open files; tasks where the user is the instance's own), an own home and temporary directory, a
 * cleaned environment, and with `bwrap` own process ids and a view of the machine without other people's files. What is not:
 * CPU, the sum of memory and of disk, the network. Without `bwrap` the machine's readable files are readable, and where
 * Carrel itself is not root the instance runs as the same user as Carrel.
 *
 * `networks` (CIDR) must hold the address of the endpoints. Throws where this machine can't run the driver, saying why.
 */
export function createProcessProvider(
  settings: ProcessSettings,
  context: { readonly networks: readonly string[] },
): ComputeProvider {
  const tools = findTools(settings.bwrap)
  const places = createPlaces(settings.stateDirectory)
  makePlaces(places)
  const deps: InspectDeps = { settings, tools, places, inNetworks: addressList(context.networks) }
  return {
    capabilities: {
      pause: false,
      gpu: false,
      diskLimit: false,
      isolation: tools.bwrap === null ? 'none' : 'partial',
      egress: ['internet', 'site'],
      mounts: false,
      logs: true,
      reports: false,
    },
    settleMs: createLimitMs,
    create: (spec, call) => createInstance(spec, call, deps),
    inspect: (ref) => inspectInstance(ref, deps),
    remove: (ref, call) => removeInstance(ref, call, deps),
    list: (deploymentId, call) => listInstances(deploymentId, call, deps),
    logs: (ref, lines) => readLogs(ref, lines, deps),
    check: (ask) => checkMachine(deps, ask),
    close: () => Promise.resolve(), // nothing is held open: what runs has no tie to this process
  }
}

async function* listInstances(
  deploymentId: string,
  call: CallContext,
  deps: InspectDeps,
): AsyncGenerator<ObservedInstance> {
  const records = await recordsOrNone(deps)
  for (const record of records.filter((r) => r.deploymentId === deploymentId)) {
    call.signal.throwIfAborted()
    const { name, sessionId, generation } = record
    yield { ref: { name, deploymentId }, sessionId, generation, state: await stateOf(record, deps) }
  }
}

async function recordsOrNone({ places }: InspectDeps) {
  try {
    return await readRecords(places)
  } catch (error) {
    throw new ProviderUnreachable(detailOf(error))
  }
}
