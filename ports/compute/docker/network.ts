import { setTimeout as wait } from 'node:timers/promises'
import type { InstanceSpec } from '../provider.ts'
import { subnet } from './addresses.ts'
import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { isMarked, marksOf } from '../marks.ts'
import { bridgeName } from './names.ts'
import type { Names } from './names.ts'
import type { DockerSettings } from './settings.ts'
import { madeShape, networkListShape } from './shapes.ts'

const attempts = 30
const sessionPrefix = 29

/**
 * The session's own network, made or found: a bridge whose interface name says the egress class and policy.
 * The daemon takes two networks of one name, but not two bridges of one, so there is one however many ask.
 * Throws `EngineError`; `foreign` is an object of our name that is not ours.
 */
export async function ensureNetwork(
  engine: Engine,
  spec: InstanceSpec,
  { names, settings, policy }: { readonly names: Names; readonly settings: DockerSettings; readonly policy: string },
  signal: AbortSignal,
): Promise<'made' | 'found' | 'foreign'> {
  const first = Number.parseInt(names.digest.slice(8), 16)
  for (let attempt = 0; attempt < attempts; attempt++) {
    const pool = settings.addressPool
    const body = {
      Name: names.object,
      CheckDuplicate: true,
      Driver: 'bridge',
      EnableIPv6: false,
      ...(pool === null ? {} : { IPAM: { Config: [{ Subnet: subnet(pool, sessionPrefix, first + attempt) }] } }),
      Options: {
        'com.docker.network.bridge.name': bridgeName(spec.egress, policy, names),
        ...(settings.mtu === undefined ? {} : { 'com.docker.network.driver.mtu': `${settings.mtu}` }),
      },
      Labels: marksOf(spec),
    }
    try {
      await engine.json('POST', '/networks/create', madeShape, signal, { body })
      return 'made'
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      if (isConflict(error)) return await found(engine, spec, names, signal, error)
      if (pool === null || !/overlap/i.test(error.message)) throw error
    }
    // Our own network may be what it overlaps with.
    const earlier = await lookUp(engine, spec, names, signal)
    if (earlier !== 'absent') return earlier
  }
  throw new EngineError(503, 'no free network in the address pool')
}

/** The network that another call makes shows itself within moments; or else `refusal` stands. */
async function found(
  engine: Engine,
  spec: InstanceSpec,
  names: Names,
  signal: AbortSignal,
  refusal: EngineError,
): Promise<'found' | 'foreign'> {
  for (let look = 0; look < 20; look++) {
    const answer = await lookUp(engine, spec, names, signal)
    if (answer !== 'absent') return answer
    await wait(50, undefined, { signal }).catch(() => undefined)
  }
  throw refusal
}

const isConflict = ({ status, message }: EngineError) =>
  status === 409 || /already exists|conflicts with network|same bridge name/i.test(message)

async function lookUp(
  engine: Engine,
  spec: InstanceSpec,
  names: Names,
  signal: AbortSignal,
): Promise<'found' | 'foreign' | 'absent'> {
  const query = { filters: JSON.stringify({ name: [`^${names.object.replaceAll('.', '\\.')}$`] }) }
  const networks = await engine.json('GET', '/networks', networkListShape, signal, { query })
  const named = networks.filter((network) => network.Name === names.object)
  if (named.length === 0) return 'absent'
  return named.every((network) => isMarked(network.Labels, spec)) ? 'found' : 'foreign'
}
