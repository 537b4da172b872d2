import { rm } from 'node:fs/promises'
import { readCloud } from '../../ports/compute/openstack/account.ts'
import { eventually } from '../conformance/compute-harness.ts'
import { plainTemplate } from '../setup/template.ts'
import type { RawCloud } from '../support/openstack/raw-cloud.ts'
import type { RawBackend, RealBackend } from './backend.ts'
import { openProxies, writeClouds } from './openstack-harness.ts'
import { openRaw, settingsFor, standConfig } from './openstack-stand.ts'
import type { StandConfig } from './openstack-stand.ts'

const size = { cpuMilli: 1_000, memoryMib: 512, diskMib: 1_024, gpus: 0 }

/** The cloud that OS_CLIENT_CONFIG_FILE and OS_CLOUD point to. Its hypervisor may be one in name only: nothing is knocked at. */
export async function openBackend(): Promise<RealBackend> {
  const config = standConfig()
  const raw = await openRaw(config)
  const { authUrl, credentials } = readCloud(settingsFor(config))
  if (credentials.kind !== 'application_credential') throw new Error('the stand signs in by application credential')
  const common = { network: config.network, gatewayNetworks: ['192.0.2.10/32'] }
  const settings = { ...common, cloudsFile: config.cloudsFile, cloud: config.cloud }
  const provider = { id: 'cloud', kind: 'openstack' as const, startLimit: 4, networks: config.networks, settings }
  const opened: (() => Promise<void>)[] = []
  return {
    name: 'openstack',
    provider,
    template: {
      ...plainTemplate,
      image: config.image,
      command: null,
      user: null,
      sizes: { small: size },
      doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
      readiness: { kind: 'none' },
      egress: 'none',
      startLimitSeconds: 300,
      backend: { openstack: { flavors: { small: config.flavor } } },
    },
    answers: false,
    pauses: true,
    byApi: {
      networks: [`${new URL(authUrl).hostname}/32`],
      settings: { ...common, authUrl, applicationCredentialId: credentials.id },
      secrets: { applicationCredentialSecret: credentials.secret },
      refusedSecrets: { applicationCredentialSecret: `not ${credentials.secret}` },
    },
    async viaProxies() {
      const proxies = await openProxies(raw, authUrl)
      const auth = {
        auth_url: proxies.authUrl,
        application_credential_id: credentials.id,
        application_credential_secret: credentials.secret,
      }
      const { file, folder } = await writeClouds(auth, 'v3applicationcredential')
      opened.push(proxies.close, async () => await rm(folder, { recursive: true, force: true }))
      const through = { ...settings, cloudsFile: file, cloud: 'through', endpoints: proxies.endpoints }
      return {
        provider: { ...provider, settings: { ...through, requestTimeoutMs: 8_000, bootTimeoutMs: 60_000 } },
        proxies: proxies.proxies,
      }
    },
    raw: rawServers(config, raw),
    async close() {
      for (const close of opened) await close()
      await raw.close()
    },
  }
}

/** A bare server, by the same interface, with a port that Nova makes for it. */
function rawServers(config: StandConfig, raw: RawCloud): RawBackend {
  const idOf = async (service: 'compute' | 'network' | 'image', kind: string, name: string) => {
    const { body } = await raw.call(service, 'GET', `/${kind}`)
    const all = (body as Record<string, { id: string; name: string }[]>)[kind] ?? []
    return all.find((thing) => thing.name === name)?.id
  }
  const look = async (id: string) => await raw.call('compute', 'GET', `/servers/${id}`)
  return {
    async start() {
      const [flavorRef, uuid, imageRef] = await Promise.all([
        idOf('compute', 'flavors', config.flavor),
        idOf('network', 'networks', config.network),
        idOf('image', 'images', config.image),
      ])
      const server = { name: 'raw', flavorRef, imageRef, networks: [{ uuid }] }
      const { status, body } = await raw.call('compute', 'POST', '/servers', { server })
      if (status !== 202) throw new Error(`a bare server was answered ${status}`)
      const { id } = (body as { server: { id: string } }).server
      const state = async () => ((await look(id)).body as { server?: { status: string } }).server?.status
      await eventually(state, (is) => is === 'ACTIVE', 120_000)
      return id
    },
    async stop(id) {
      await raw.call('compute', 'DELETE', `/servers/${id}`)
      await eventually(
        () => look(id),
        ({ status }) => status === 404,
        120_000,
      )
    },
  }
}
