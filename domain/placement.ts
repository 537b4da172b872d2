import type { BackendTerms } from './backend-terms.ts'
import type { Capabilities } from './capabilities.ts'
import { isolations } from './capabilities.ts'
import type { ProviderId } from './ids.ts'
import { exceeding, remaining } from './resources.ts'
import type { Limits, Resources } from './resources.ts'
import type { Egress, TemplateSpec } from './template.ts'

/** A provider as far as placement cares. `load`: sessions there that have not ended. */
export interface Candidate {
  readonly id: ProviderId
  readonly kind: string
  readonly classes: readonly string[]
  readonly open: boolean
  readonly healthy: boolean
  readonly load: number
  /** What its driver says of itself; `null`: no worker has made it yet. */
  readonly capabilities: Capabilities | null
  /** Its quota, and what is held of it; `null`: nothing limits it, or it has no rival. */
  readonly quota: { readonly limits: Limits; readonly held: Resources } | null
}

/** What a session needs of a place. */
export interface Demand {
  readonly provider: TemplateSpec['provider']
  readonly requires: NonNullable<TemplateSpec['requires']>
  readonly resources: Resources
  readonly egress: Egress
  /** Whether anything is to be mounted. */
  readonly mounts: boolean
  readonly readiness: TemplateSpec['readiness']
  /** Whether its ports are reported. */
  readonly reports: boolean
  /** What the template asks for in a backend's own terms. */
  readonly backend?: BackendTerms | undefined
}

/** What a provider may lack of what is needed there. */
export const lacks = [
  'gpu',
  'egress',
  'mounts',
  'pause',
  'isolation',
  'disk_limit',
  'logs',
  'reports',
  'terms',
] as const
export type Lack = (typeof lacks)[number]
const unguarded = ['isolation', 'disk_limit'] as const

export type Placement =
  | { readonly kind: 'placed'; readonly providerId: ProviderId }
  /** None that the template names is in service. */
  | { readonly kind: 'none' }
  /** Some are, and none of them has all of this. */
  | { readonly kind: 'unfit'; readonly lacking: readonly Lack[] }

/**
 * Where a session is to run: the provider that the template names, or the best of its kind or class. It must be in service and able
 * to do what is needed, most of which of one that no worker has made yet nobody can say. One whose quota has room comes before one
 * whose has not, then the healthy before the others, then those that are known, then the least loaded, then by id. What has no room,
 * or is not healthy, may be chosen: admission refuses, or the session waits there.
 */
export function choosePlacement(demand: Demand, candidates: readonly Candidate[]): Placement {
  const inService = candidates.filter((candidate) => candidate.open && isNamed(demand.provider, candidate))
  if (inService.length === 0) return { kind: 'none' }
  const fitting = inService.filter((candidate) => lacksAt(demand, candidate).length === 0)
  const [best] = [...fitting].sort((a, b) => compare(rankOf(demand, a), rankOf(demand, b)) || (a.id < b.id ? -1 : 1))
  if (best !== undefined) return { kind: 'placed', providerId: best.id }
  return { kind: 'unfit', lacking: commonLacks(inService.map((candidate) => lacksAt(demand, candidate))) }
}

function isNamed(wanted: TemplateSpec['provider'], { id, kind, classes }: Candidate): boolean {
  if ('id' in wanted) return id === wanted.id
  return 'kind' in wanted ? kind === wanted.kind : classes.includes(wanted.class)
}

/** Those in service that have at hand what is to be mounted; all of them where none has, so that it can be told what is not there. */
export function withAtHand(
  candidates: readonly Candidate[],
  isAtHand: (id: ProviderId) => boolean,
): readonly Candidate[] {
  const those = candidates.filter(({ id, open }) => open && isAtHand(id))
  return those.length > 0 ? those : candidates
}

const lacksAt = (demand: Demand, candidate: Candidate): Lack[] => [
  ...lacksOf(demand, abilitiesOf(demand, candidate)),
  ...(hasTerms(demand, candidate.kind) ? [] : (['terms'] as const)),
]

/**
 * Whether the template says what a provider of this kind cannot do without: flavours, or where a link leads. What is a link says
 * nothing that could run elsewhere.
 */
export const hasTerms = ({ backend = {} }: Pick<Demand, 'backend'>, kind: string): boolean =>
  (kind === 'link') === (backend.link !== undefined) && (kind !== 'openstack' || backend.openstack !== undefined)

/** What it can do for this session: on Kubernetes the Pod goes when it is paused, and without a workspace all that it stored with it. */
export function abilitiesOf<C extends Capabilities | null>(
  { backend }: Pick<Demand, 'backend'>,
  { kind, capabilities }: { readonly kind: string; readonly capabilities: C },
): C {
  if (capabilities === null || kind !== 'kubernetes' || backend?.kubernetes?.workspace !== undefined)
    return capabilities
  return { ...capabilities, pause: false }
}

/** What the provider lacks of what is needed. Of one that nobody knows, what no driver would refuse by itself: nothing else guards it. */
export function lacksOf(demand: Demand, can: Capabilities | null): Lack[] {
  const { requires, resources, egress, mounts, readiness, reports } = demand
  const { isolation = 'none' } = requires
  if (can === null)
    return unguarded.filter((lack) => (lack === 'isolation' ? isolation !== 'none' : requires.diskLimit === true))
  const lacking: Readonly<Record<Exclude<Lack, 'terms'>, boolean>> = {
    gpu: resources.gpus > 0 && !can.gpu,
    egress: !can.egress.includes(egress),
    mounts: mounts && !can.mounts,
    pause: requires.pause === true && !can.pause,
    isolation: isolations.indexOf(can.isolation) < isolations.indexOf(isolation),
    disk_limit: requires.diskLimit === true && !can.diskLimit,
    logs: readiness.kind === 'log' && !can.logs,
    reports: reports && can.reports === false,
  }
  return lacks.filter((lack) => lack !== 'terms' && lacking[lack])
}

/** What all of them lack; where that is nothing, whatever any of them does. */
function commonLacks(each: readonly (readonly Lack[])[]): Lack[] {
  const common = lacks.filter((lack) => each.every((those) => those.includes(lack)))
  return common.length > 0 ? common : lacks.filter((lack) => each.some((those) => those.includes(lack)))
}

/** The smaller the better, from the first that differs. */
const rankOf = ({ resources }: Demand, { quota, healthy, capabilities, load }: Candidate): readonly number[] => [
  quota === null || exceeding(remaining(quota.limits, quota.held), resources).length === 0 ? 0 : 1,
  healthy ? 0 : 1,
  capabilities === null ? 1 : 0,
  load,
]

const compare = (a: readonly number[], b: readonly number[]): number =>
  a.map((value, index) => value - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0
