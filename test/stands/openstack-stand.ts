import { readFileSync } from 'node:fs'
import { openstackSettings } from '../../ports/compute/openstack/settings.ts'
import type { OpenstackSettings } from '../../ports/compute/openstack/settings.ts'
import { openRawCloud } from '../support/openstack/raw-cloud.ts'
import type { RawCloud } from '../support/openstack/raw-cloud.ts'

/** Which cloud, and what is in it: `OS_CLIENT_CONFIG_FILE` and `OS_CLOUD` as any client of OpenStack reads them, and names. */
export interface StandConfig {
  readonly cloudsFile: string
  readonly cloud: string
  readonly image: string
  readonly flavor: string
  /** Fits no machine. */
  readonly tooLarge: string
  readonly network: string
  readonly floatingNetwork: string
  /** CIDRs in which its servers' addresses lie. */
  readonly networks: readonly string[]
  /** A cloud of the same file that may administrate the first; `null`: none is known. */
  readonly adminCloud: string | null
  /** A cloud of the same file whose project may have one server, with its network; `null`: none is known. */
  readonly tiny: { readonly cloud: string; readonly network: string } | null
}

type Environment = Readonly<Record<string, string | undefined>>

export function standConfig(env: Environment = process.env): StandConfig {
  const cloudsFile = env['OS_CLIENT_CONFIG_FILE'] ?? ''
  const cloud = env['OS_CLOUD'] ?? ''
  if (cloudsFile === '' || cloud === '') throw new Error('OS_CLIENT_CONFIG_FILE and OS_CLOUD say which cloud is meant')
  const has = (name: string) => new RegExp(`^ {2}${name}:`, 'm').test(readFileSync(cloudsFile, 'utf8'))
  const named = (variable: string, fallback: string) => env[`CARREL_STAND_OPENSTACK_${variable}`] ?? fallback
  const [admin, tiny] = [named('ADMIN_CLOUD', 'admin'), named('TINY_CLOUD', 'tiny')]
  return {
    cloudsFile,
    cloud,
    image: named('IMAGE', 'dummy'),
    flavor: named('FLAVOR', 'm1.tiny'),
    tooLarge: named('FLAVOR_TOO_LARGE', 'm1.toolarge'),
    network: named('NETWORK', `${cloud}-net`),
    floatingNetwork: named('FLOATING_NETWORK', 'public'),
    networks: named('NETWORKS', '10.0.0.0/8,203.0.113.0/24').split(','),
    adminCloud: has(admin) ? admin : null,
    tiny: has(tiny) ? { cloud: tiny, network: named('TINY_NETWORK', `${tiny}-net`) } : null,
  }
}

export const settingsFor = (config: StandConfig, more: Readonly<Record<string, unknown>> = {}): OpenstackSettings =>
  openstackSettings.parse({
    cloudsFile: config.cloudsFile,
    cloud: config.cloud,
    network: config.network,
    gatewayNetworks: ['192.0.2.10/32'],
    // A stand shares its machine with all else that is tested.
    requestTimeoutMs: 60_000,
    lookAgainMs: 200,
    takeOverMs: 3_000,
    ...more,
  })

/** Signs in as a cloud of the file, beside the driver. */
export const openRaw = async (config: StandConfig, cloudName = config.cloud): Promise<RawCloud> =>
  await openRawCloud(settingsFor(config, { cloud: cloudName }))
