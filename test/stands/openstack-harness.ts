import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCloud } from '../../ports/compute/openstack/account.ts'
import { createOpenstackProvider } from '../../ports/compute/openstack/provider.ts'
import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import type { CredentialHarness, Facets, ManyHarness } from '../conformance/compute-facets.ts'
import type { ComputeHarness, InstanceKey } from '../conformance/compute-harness.ts'
import { eventually } from '../conformance/compute-harness.ts'
import { httpFaults } from '../conformance/http-faults.ts'
import { eachOf } from '../conformance/many-by-creating.ts'
import { plainSpec } from '../setup/plain-spec.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import { openstackLeftovers } from '../support/leftovers/openstack.ts'
import type { RawCloud } from '../support/openstack/raw-cloud.ts'
import { openRaw, settingsFor, standConfig } from './openstack-stand.ts'
import type { StandConfig } from './openstack-stand.ts'

export const openstackCan: Facets = {
  faults: true,
  mounts: false,
  http: true,
  many: true,
  refusals: ['unschedulable', 'template_unfit'],
  credentials: true,
  reports: true,
  // Its hypervisor may be one in name only.
  answers: false,
}

/** A machine of the least flavour. */
export const specFor = (config: StandConfig, key: InstanceKey, flavor = config.flavor): InstanceSpec => ({
  ...plainSpec,
  ...key,
  image: config.image,
  secret: `secret of ${key.sessionId}`,
  resources: { sessions: 1, cpuMilli: 1_000, memoryMib: 512, diskMib: 1_024, gpus: 0 },
  terms: { openstack: { flavors: { small: flavor } } },
})

export const openFor = (config: StandConfig, more: Readonly<Record<string, unknown>> = {}): ComputeProvider =>
  createOpenstackProvider(settingsFor(config, more), { networks: config.networks })

/** Keystone and each service behind a proxy of its own, and the settings by which a driver goes that way. */
export async function openProxies(raw: RawCloud, authUrl: string) {
  const kinds = ['compute', 'network', 'image'] as const
  const through = async (url: string) => {
    const { origin, pathname } = new URL(url)
    const proxy = await createFaultProxy({ target: origin })
    return { proxy, url: `${proxy.url}${pathname === '/' ? '' : pathname}` }
  }
  const identity = await through(authUrl)
  const services = await Promise.all(kinds.map(async (kind) => [kind, await through(raw.endpoint(kind))] as const))
  return {
    proxies: [identity.proxy, ...services.map(([, { proxy }]) => proxy)],
    authUrl: identity.url,
    endpoints: Object.fromEntries(services.map(([kind, { url }]) => [kind, url])),
    close: async () => {
      for (const { proxy } of [identity, ...services.map(([, service]) => service)]) await proxy.close()
    },
  }
}

/** A copy of the file in which the cloud's Keystone is elsewhere, or its credentials are others. */
export async function writeClouds(
  auth: Readonly<Record<string, string>>,
  kind: string,
  folder?: string,
): Promise<{ file: string; folder: string }> {
  const place = folder ?? (await mkdtemp(join(tmpdir(), 'carrel-clouds-')))
  const file = join(place, 'clouds.yaml')
  const clouds = {
    clouds: { through: { auth_type: kind, auth, region_name: process.env['OS_REGION_NAME'] ?? 'RegionOne' } },
  }
  await writeFile(file, JSON.stringify(clouds), { mode: 0o600 })
  return { file, folder: place }
}

export async function openstackHarness(): Promise<ComputeHarness> {
  const config = standConfig()
  const raw = await openRaw(config)
  // Eight a page: small enough for the suite's ten, large enough for its bound on requests.
  const [provider, second] = [openFor(config, { pageSize: 8 }), openFor(config)]
  const cloud = readCloud(settingsFor(config))
  if (cloud.credentials.kind !== 'application_credential')
    throw new Error('the stand signs in by application credential')
  const { id, secret } = cloud.credentials
  const proxies = await openProxies(raw, cloud.authUrl)
  const clouds = await writeClouds(
    { auth_url: proxies.authUrl, application_credential_id: id, application_credential_secret: secret },
    'v3applicationcredential',
  )
  const faulty = openFor(config, {
    cloudsFile: clouds.file,
    cloud: 'through',
    endpoints: proxies.endpoints,
    requestTimeoutMs: 8_000,
    bootTimeoutMs: 20_000,
    pageSize: 8,
  })
  const credentials = await lapsing(config, cloud.authUrl, raw)
  const names = new Set<string>()
  const server = (key: InstanceKey) => {
    names.add(key.name)
    return specFor(config, key)
  }
  return {
    provider,
    another: () => second,
    specs: {
      server,
      exiting: (key) => specFor(config, key, config.tooLarge),
      exited: { exitCode: null, outOfMemory: false, reason: 'unschedulable' },
      missingImage: (key) => ({ ...specFor(config, key), image: 'no-such-image' }),
      refused: {
        unschedulable: (key) => specFor(config, key, config.tooLarge),
        template_unfit: (key) => specFor(config, key, 'no-such-flavor'),
      },
    },
    leftovers: (deployment) => openstackLeftovers(raw, deployment, [...names]),
    faults: httpFaults({
      provider: faulty,
      proxies: proxies.proxies,
      creating: (method, path) => method === 'POST' && path.endsWith('/servers'),
      // One that lands after the removal finds its port gone, and is refused; the first thing of all needs nothing.
      holding: (method, path) => method === 'POST' && path.endsWith('/security-groups'),
      removing: (method, path) => method === 'DELETE' && path.includes('/servers/'),
      writing: (method, path) => !['GET', 'HEAD'].includes(method) && !path.includes('/auth/tokens'),
    }),
    credentials,
    many: manyServers(config, raw, second),
    mounts: undefined,
    pageSize: 8,
    printed: 'CONSOLE OUTPUT',
    limits: { startMs: 110_000, imageMissingMs: 20_000, refusedMs: 30_000, boundedMs: 30_000 },
    async close() {
      for (const each of [provider, second, faulty, credentials.provider]) await each.close()
      await credentials.close()
      await proxies.close()
      await raw.close()
      await rm(clouds.folder, { recursive: true, force: true })
    },
  }
}

/** Servers that no machine takes: there to be listed, marked as ours, and of no cost. */
const manyServers = (config: StandConfig, raw: RawCloud, provider: ComputeProvider): ManyHarness => ({
  async make(keys) {
    const all = (await raw.call('compute', 'GET', '/flavors')).body as { flavors: { id: string; name: string }[] }
    const images = (await raw.call('image', 'GET', `/images?name=${config.image}`)).body as { images: { id: string }[] }
    const flavorRef = all.flavors.find(({ name }) => name === config.tooLarge)?.id
    await eachOf(keys, async (key) => {
      const server = {
        name: key.name,
        flavorRef,
        imageRef: images.images[0]?.id,
        networks: 'none',
        tags: [`carrel.deployment=${key.deploymentId}`, `carrel.name=${key.name}`],
        metadata: {
          'carrel.deployment': key.deploymentId,
          'carrel.name': key.name,
          'carrel.session': key.sessionId,
          'carrel.generation': `${key.generation}`,
        },
      }
      const { status } = await raw.call('compute', 'POST', '/servers', { server })
      if (status !== 202) throw new Error(`one of many was not made: ${status}`)
    })
  },
  async unmake(keys) {
    await eachOf(keys, async (key) => {
      const remove = () => provider.remove(key, { signal: AbortSignal.timeout(60_000) })
      await eventually(remove, ({ kind }) => kind === 'removed', 120_000)
    })
  },
})

const livesMs = 45_000

/** A user of its own in the same project, whose first application credential ends soon, and whose second does not. */
async function lapsing(
  config: StandConfig,
  authUrl: string,
  raw: RawCloud,
): Promise<CredentialHarness & { close(): Promise<void> }> {
  if (config.adminCloud === null)
    throw new Error('a cloud that may administrate is needed, to make credentials that end')
  const admin = await openRaw(config, config.adminCloud)
  const password = crypto.randomUUID()
  const made = await admin.call('identity', 'POST', '/users', { user: { name: `carrel-test-${Date.now()}`, password } })
  const { user } = made.body as { user: { id: string } }
  const roles = (await admin.call('identity', 'GET', '/roles?name=member')).body as { roles: { id: string }[] }
  await admin.call('identity', 'PUT', `/projects/${raw.projectId}/users/${user.id}/roles/${roles.roles[0]?.id}`)
  const asPerson = await writeClouds(
    { auth_url: authUrl, user_id: user.id, password, project_id: raw.projectId },
    'v3password',
  )
  const person = await openRaw({ ...config, cloudsFile: asPerson.file, cloud: 'through' })

  let endsAt = 0
  const credential = async (endMs: number | null) => {
    const expires_at = endMs === null ? undefined : new Date(endMs).toISOString().replace('Z', '')
    const path = `/users/${user.id}/application_credentials`
    const name = `carrel-${crypto.randomUUID()}`
    const answer = await person.call('identity', 'POST', path, { application_credential: { name, expires_at } })
    const { application_credential: own } = answer.body as { application_credential: { id: string; secret: string } }
    const auth = { auth_url: authUrl, application_credential_id: own.id, application_credential_secret: own.secret }
    return await writeClouds(auth, 'v3applicationcredential', folder.folder)
  }
  const folder = await writeClouds({ auth_url: authUrl }, 'v3applicationcredential')
  await credential(null)
  const provider = openFor(config, { cloudsFile: folder.file, cloud: 'through' })
  return {
    provider: lateBound(provider, async () => {
      if (endsAt === 0) {
        endsAt = Date.now() + livesMs
        await credential(endsAt)
      }
    }),
    renewed: false,
    async lapse() {
      await eventually(
        async () => Date.now(),
        (now) => now > endsAt + 2_000,
        livesMs + 10_000,
      )
    },
    async restore() {
      await credential(null)
    },
    async close() {
      await person.close()
      await admin.call('identity', 'DELETE', `/users/${user.id}`)
      await admin.close()
      for (const each of [asPerson, folder]) await rm(each.folder, { recursive: true, force: true })
    },
  }
}

/** Its credentials begin to live with its first call: however long the suite takes to come to it. */
const lateBound = (provider: ComputeProvider, before: () => Promise<void>): ComputeProvider => ({
  ...provider,
  capabilities: provider.capabilities,
  async create(spec, context) {
    await before()
    return await provider.create(spec, context)
  },
})
