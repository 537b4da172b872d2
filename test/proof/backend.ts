import { instanceName } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { abilitiesOf } from '../../domain/placement.ts'
import type { Posix } from '../../db/schema.ts'
import type { ReportedPorts, TemplateSpec } from '../../domain/template.ts'
import { createFakeBackend } from '../../ports/compute/fake/backend.ts'
import { createFakeProvider } from '../../ports/compute/fake/provider.ts'
import type { Capabilities, ComputeProvider, InstanceRef, InstanceSpec } from '../../ports/compute/provider.ts'
import { plainTemplate } from '../setup/template.ts'
import { leftInTime } from '../support/leftovers/at.ts'
import { listInstances } from './balance.ts'
import type { HeldInstance } from './balance.ts'
import { nameOf, openTarget } from './target.ts'
import type { ProofTarget } from './target.ts'
import { toldTarget } from './told-target.ts'

/** What a proof sees of a backend, and does to it, beside Carrel: by the port alone, so that any provider will do. */
export interface ProofBackend {
  /** As reports name it. */
  readonly name: string
  readonly provider: ComputeProvider
  /** What the provider can do for sessions of the template. */
  abilities(): Capabilities
  readonly networks: readonly string[]
  readonly template: TemplateSpec
  /** As whom its sessions run, where the template has them run as their account. */
  readonly posix: Posix | null
  /** The address of this machine for what runs there. */
  readonly here: string | null
  /** What one call has, ms. */
  readonly callMs: number
  /** What its instances are, by the driver's list. */
  held(deploymentId: string): Promise<HeldInstance[]>
  /** Ends what runs in an instance, or, where the port cannot, takes the instance away. */
  exit(deploymentId: string, sessionId: SessionId): Promise<void>
  /** How a session ends to whose instance that happens. */
  readonly exits: 'failed:exited' | 'failed:instance_lost'
  /** Puts an instance there that no row knows of; returns its name. */
  strand(deploymentId: string, sessionId: SessionId): Promise<string>
  /** What is there of anything once the time is over, ms, asked beside the driver; `null`: nobody but the driver can be asked. */
  leftovers(deploymentId: string, withinMs?: number): Promise<readonly string[] | null>
  /** Removes whatever is left of the deployments, and lets go of the backend. */
  close(...deploymentIds: string[]): Promise<void>
}

const calledMs = 120_000
/** However slow a cloud is on a machine that has much else to do. */
const patientMs = 600_000
const call = () => ({ signal: AbortSignal.timeout(calledMs) })

/** The target's backend, through a driver of the proof's own. */
export async function openBackend(target: ProofTarget): Promise<ProofBackend> {
  if (target.provider.kind === 'fake') return fakeProofBackend()
  await target.prepare()
  const provider = openTarget(target)
  const { template, callMs, posix, here } = target
  const names = new Set<string>()
  return {
    // Whatever its kind, the rows of these proofs call it as they call the one in memory.
    ...common(provider, { ...template, provider: plainTemplate.provider }, posix),
    provider: lent(provider, names),
    abilities: () => abilitiesOf(template, { kind: target.provider.kind, capabilities: provider.capabilities }),
    here,
    name: nameOf(target),
    networks: target.provider.networks,
    callMs,
    exit: async (deploymentId, sessionId) =>
      await takeAway(provider, { name: instanceName(sessionId, 1), deploymentId }),
    exits: 'failed:instance_lost',
    leftovers: async (deploymentId, withinMs) => await leftInTime(target.provider, deploymentId, withinMs, [...names]),
  }
}

/** The backend of a proof that tells the driver's answers apart from the driver: what the operator names, else one in memory. */
export async function openStageBackend(): Promise<ProofBackend> {
  const target = toldTarget()
  return target === null ? fakeProofBackend(50) : await openBackend(target)
}

/** A backend in this process. */
export function fakeProofBackend(settleMs = 100) {
  const backend = createFakeBackend()
  const provider = createFakeProvider({
    backend,
    endpoint: 'serve',
    requestTimeoutMs: 500,
    settleMs,
    capabilities: { usage: true },
  })
  return {
    ...common(provider, plainTemplate, null),
    abilities: () => provider.capabilities,
    here: null,
    backend,
    name: 'fake',
    networks: ['127.0.0.0/8'],
    callMs: 3_000,
    exit: async (_, sessionId) => await Promise.resolve(backend.exit(instanceName(sessionId, 1))),
    exits: 'failed:exited',
    leftovers: async () => await Promise.resolve(null),
  } satisfies ProofBackend & Record<'backend', unknown>
}

const common = (provider: ComputeProvider, template: TemplateSpec, posix: Posix | null) => ({
  // Workers close the drivers that they were given; this one is needed until the proof has cleared up.
  provider: { ...provider, close: async () => {} },
  template,
  posix,
  held: async (deploymentId: string) => await listInstances([provider], deploymentId),
  async strand(deploymentId: string, sessionId: SessionId): Promise<string> {
    const spec = strandedSpec({ template, posix }, deploymentId, sessionId)
    const deadline = Date.now() + patientMs
    for (;;) {
      const { kind } = await provider.create(spec, call())
      if (kind === 'made' || kind === 'adopted') return spec.name
      if (kind === 'refused' || Date.now() > deadline) throw new Error(`nothing could be stranded: ${kind}`)
    }
  },
  async close(...deploymentIds: string[]): Promise<void> {
    for (const deploymentId of deploymentIds)
      for await (const { ref } of provider.list(deploymentId, call())) await takeAway(provider, ref)
    await provider.close()
  },
})

/**
 * The same, and whoever it is lent to closes nothing: workers of a stage come and go, and all of them are given this one. What is made
 * is noted in `names`.
 */
const lent = (provider: ComputeProvider, names: Set<string>): ComputeProvider => ({
  ...provider,
  create: async (spec, context) => {
    names.add(spec.name)
    return await provider.create(spec, context)
  },
  get capabilities() {
    return provider.capabilities
  },
  close: async () => await Promise.resolve(),
})

/** Removes it until that is confirmed. */
async function takeAway(provider: ComputeProvider, ref: InstanceRef): Promise<void> {
  const deadline = Date.now() + patientMs
  while ((await provider.remove(ref, call())).kind !== 'removed')
    if (Date.now() > deadline) throw new Error(`${ref.name} could not be removed`)
}

function strandedSpec(
  { template, posix }: Pick<ProofBackend, 'template' | 'posix'>,
  deploymentId: string,
  sessionId: SessionId,
): InstanceSpec {
  const { image, command, environment, capabilities, readiness, egress, lifetimeSeconds, reportedPorts } = template
  return {
    name: instanceName(sessionId, 1),
    deploymentId,
    sessionId,
    generation: 1,
    image,
    command,
    environment,
    secret: 'nobody knows',
    // A template's default size is one of its sizes.
    resources: { sessions: 1, ...template.sizes[template.defaultSize]! },
    user: userOf(template, posix),
    capabilities,
    ports: Object.values(template.doors).map(({ port }) => port),
    readiness,
    mounts: [],
    egress,
    size: template.defaultSize,
    terms: template.backend ?? {},
    lifetimeSeconds,
    report: reportedPorts === undefined ? null : nobodysReport(reportedPorts),
  }
}

/** Nobody listens there, and no row knows the token. */
const nobodysReport = ({ from, to, tls }: ReportedPorts): InstanceSpec['report'] => ({
  url: 'http://127.0.0.1:9/v1/instance-reports',
  token: 'nobody-takes-it',
  ports: { from, to },
  ...(tls === true ? { tls } : {}),
})

function userOf({ user }: TemplateSpec, posix: Posix | null): InstanceSpec['user'] {
  if (user === null) return null
  if (user !== 'account') return { ...user, gids: [] }
  return posix === null ? null : { uid: posix.uid, gid: posix.gid, gids: posix.gids, name: posix.user }
}

/** A line for the report: whose word it is that nothing is left. `seen`: what `leftovers` showed while something lived there. */
export const askedBeside = (seen: readonly string[] | null): string =>
  seen === null
    ? 'what is left is the driver’s own word: nobody else can be asked'
    : `what is left was asked of the backend itself, which showed ${seen.length} objects while a session lived`
