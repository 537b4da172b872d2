import { rm } from 'node:fs/promises'
import { readCloud } from '../../ports/compute/openstack/account.ts'
import { plainTemplate } from '../setup/template.ts'
import type { RealBackend } from './backend.ts'
import { openProxies, writeClouds } from './openstack-harness.ts'
import { rawServers } from './openstack-raw.ts'
import { openRaw, settingsFor, standConfig } from './openstack-stand.ts'

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
        provider: { ...provider, settings: through },
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
