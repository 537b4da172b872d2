import type { z } from 'zod'
import { providerKinds } from '../../domain/provider-kinds.ts'
import type { ProviderKind } from '../../domain/provider-kinds.ts'
import { apiKinds, hostsOf, placesOf } from './api-settings.ts'
import { createBackendReach } from './backend-reach.ts'
import type { BackendReach } from './backend-reach.ts'
import { createDockerProvider } from './docker/provider.ts'
import { dockerSettings } from './docker/settings.ts'
import { createFakeProvider } from './fake/provider.ts'
import { fakeSettings } from './fake/settings.ts'
import { createHandoverProvider } from './handover/provider.ts'
import type { HandoverRecords } from './handover/provider.ts'
import { handoverSettings } from './handover/settings.ts'
import { createKubernetesProvider } from './kubernetes/provider.ts'
import { kubernetesSettings } from './kubernetes/settings.ts'
import { createLinkProvider } from './link/provider.ts'
import type { LinkRecords } from './link/provider.ts'
import { linkSettings } from './link/settings.ts'
import { createOpenstackProvider } from './openstack/provider.ts'
import { openstackSettings } from './openstack/settings.ts'
import { createProcessProvider } from './process/provider.ts'
import { processSettings } from './process/settings.ts'
import type { ComputeProvider } from './provider.ts'
import { createSlurmProvider } from './slurm/provider.ts'
import { slurmSettings } from './slurm/settings.ts'

/** What a driver is told beside its settings. */
interface Surroundings {
  /** CIDRs in which its endpoints may lie. */
  readonly networks: readonly string[]
  /** Where its backend may lie. */
  readonly reach: BackendReach
  /** Where links are written down; without it there are none. */
  readonly links: LinkRecords | undefined
  /** Where what is handed over is written down; without it nothing is. */
  readonly handovers: HandoverRecords | undefined
}

interface Driver {
  readonly settings: z.ZodType
  /** Throws a `ZodError` for settings that are not the driver's. */
  open(settings: unknown, surroundings: Surroundings): ComputeProvider
}

const driver = <S extends z.ZodType>(
  settings: S,
  create: (settings: z.output<S>, surroundings: Surroundings) => ComputeProvider,
): Driver => ({ settings, open: (given, surroundings) => create(settings.parse(given), surroundings) })

/** Every kind of provider there is. */
const drivers = {
  docker: driver(dockerSettings, createDockerProvider),
  process: driver(processSettings, createProcessProvider),
  fake: driver(fakeSettings, ({ mounts, ...settings }) =>
    createFakeProvider({ ...settings, capabilities: { mounts } }),
  ),
  handover: driver(handoverSettings, (settings, { handovers }) => {
    if (handovers === undefined) throw new Error('what is handed over is written down by workers alone')
    return createHandoverProvider(settings, handovers)
  }),
  kubernetes: driver(kubernetesSettings, createKubernetesProvider),
  link: driver(linkSettings, (_, { links }) => {
    if (links === undefined) throw new Error('links are written down by workers alone')
    return createLinkProvider(links)
  }),
  openstack: driver(openstackSettings, createOpenstackProvider),
  slurm: driver(slurmSettings, createSlurmProvider),
} as const satisfies Record<ProviderKind, Driver>

const isKind = (kind: string): kind is ProviderKind => Object.hasOwn(drivers, kind)

/** A provider as its row or the configuration says it. */
export interface ProviderToOpen {
  readonly id: string
  readonly kind: string
  /** Checked here, against the driver's own closed schema. */
  readonly settings: unknown
  /** CIDRs in which its endpoints may lie. */
  readonly networks: readonly string[]
  readonly development: boolean
  /** The ids of providers that an operator allowed outside development though they keep sessions apart only in part. */
  readonly weakIsolationAllowedFor: readonly string[]
  /** Of one that was made through the API; what configuration says may name files, and lie anywhere. */
  readonly byApi?: {
    /** Unsealed. */
    readonly secrets: Readonly<Record<string, unknown>>
    /** CIDRs in which its backend may lie. */
    readonly backendNetworks: readonly string[]
  }
  readonly links?: LinkRecords
  readonly handovers?: HandoverRecords
}

/** What is wrong with a provider: every problem, each with its key. */
export class ProviderSettingsInvalid extends Error {
  override readonly name: string = 'ProviderSettingsInvalid'
  readonly problems: readonly string[]
  constructor(id: string, problems: readonly string[]) {
    super(`provider ${id}: ${problems.join('; ')}`)
    this.problems = problems
  }
}

/** The provider may not run here, whatever its settings. */
export class ProviderKindRefused extends ProviderSettingsInvalid {
  override readonly name = 'ProviderKindRefused'
}

/** What is wrong with the settings of a provider that configuration names: every problem, each with its place. Opens nothing. */
export function settingsFaults(kind: ProviderKind, settings: unknown): { path: string[]; message: string }[] {
  const { error } = drivers[kind].settings.safeParse(settings)
  const given = typeof settings === 'object' && settings !== null ? Object.keys(settings) : []
  const secret = (apiKinds[kind]?.secret ?? []).filter((name) => given.includes(name))
  return [
    ...placesOf(error),
    // Configuration is kept as it is, in the open.
    ...secret.map((name) => ({ path: [name], message: 'is a secret: name a file that holds it' })),
  ]
}

/**
 * Makes the driver of a provider. Connects to nothing yet. Throws `ProviderSettingsInvalid` for settings that are not
 * the driver's, and `ProviderKindRefused` for an unknown kind, a `fake` provider outside development, and one that keeps sessions
 * apart only in part where nobody allowed that by its name.
 */
export function openProvider(provider: ProviderToOpen): ComputeProvider {
  const { id, kind, networks, development, weakIsolationAllowedFor, byApi } = provider
  const refused = (problem: string) => new ProviderKindRefused(id, [`kind: ${problem}`])
  if (!isKind(kind)) throw refused(`must be one of ${providerKinds.join(', ')}`)
  const mayBeWeak = development || weakIsolationAllowedFor.includes(id)
  if (kind === 'fake' && !development) throw refused('fake is for development and tests')
  if (kind === 'process' && !mayBeWeak)
    throw refused(
      'process keeps sessions apart from this machine only in part; outside development it must be allowed by name',
    )
  const reach = createBackendReach(byApi?.backendNetworks ?? null)
  const settings = byApi === undefined ? provider.settings : givenByApi(provider, byApi.secrets, reach)
  const { error } = drivers[kind].settings.safeParse(settings)
  if (error !== undefined) throw new ProviderSettingsInvalid(id, problemsOf(error))
  const { links, handovers } = provider
  const opened = make(id, () => drivers[kind].open(settings, { networks, reach, links, handovers }))
  if (opened.capabilities.isolation === 'enforced' || mayBeWeak) return opened
  void opened.close()
  throw refused(`this ${kind} keeps sessions apart only in part; outside development it must be allowed by name`)
}

/** Nothing is connected yet: whatever goes wrong lies in what the settings name, as a file that cannot be read. */
function make(id: string, open: () => ComputeProvider): ComputeProvider {
  try {
    return open()
  } catch (error) {
    throw new ProviderSettingsInvalid(id, [error instanceof Error ? error.message.slice(0, 500) : 'cannot be made'])
  }
}

/** Settings and secrets together, checked as the API checks them: whoever wrote the row. */
function givenByApi(
  { id, kind, settings }: ProviderToOpen,
  secrets: Readonly<Record<string, unknown>>,
  reach: BackendReach,
): unknown {
  const known = apiKinds[kind]
  if (known === undefined) throw new ProviderKindRefused(id, [`kind: ${kind} is made by configuration alone`])
  const plain = known.plain.safeParse(settings)
  if (!plain.success) throw new ProviderSettingsInvalid(id, problemsOf(plain.error))
  const outside = hostsOf(settings).filter(({ host }) => !reach.allows(host))
  if (outside.length > 0)
    throw new ProviderSettingsInvalid(
      id,
      outside.map(({ path }) => `${path.join('.')}: lies outside the networks that backends may be in`),
    )
  // A schema of settings is one of an object.
  return { ...(settings as object), ...secrets }
}

const problemsOf = (error: z.ZodError): string[] =>
  placesOf(error).map(({ path, message }) => `${path.join('.') || 'settings'}: ${message}`)
