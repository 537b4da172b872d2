import type { BackendTerms } from './backend-terms.ts'
import type { Isolation } from './capabilities.ts'
import type { Resources } from './resources.ts'

/** What can be started. A session keeps the version it started from, so every field here is frozen per version. */
export interface TemplateSpec {
  readonly title: string
  readonly description: string
  /** Where it may run: one provider by id, or any provider of a kind, or of a class that a site made up. */
  readonly provider: { readonly id: string } | { readonly kind: string } | { readonly class: string }
  /** What the provider must be able to do beside what the rest of the template needs. */
  readonly requires?: Requirements
  /** What runs there, in the provider's own terms; checked again by the driver. */
  readonly image: string
  readonly command: readonly string[] | null
  readonly environment: Readonly<Record<string, string>>
  readonly user: { readonly uid: number; readonly gid: number } | 'account' | null
  readonly capabilities: readonly string[]
  readonly sizes: Readonly<Record<string, Omit<Resources, 'sessions'>>>
  readonly defaultSize: string
  readonly parameters: Readonly<Record<string, ParameterSpec>>
  readonly doors: Readonly<Record<string, DoorSpec>>
  readonly readiness: ReadinessSpec
  readonly mounts: readonly MountAllowance[]
  readonly egress: Egress
  readonly startLimitSeconds: number
  readonly queueLimitSeconds: number
  readonly lifetimeSeconds: number
  readonly idleTimeoutSeconds: number | null
  readonly visibleTo: readonly Visibility[]
  /** With whom an owner may share a session; nobody when left out. */
  readonly sharing?: Sharing
  /** How many sessions one account may have in one experiment at a time; one when left out. */
  readonly sessionsPerExperiment?: number
  readonly backend?: BackendTerms
  /** The instance chooses on which ports of this range its doors listen, and reports them; without it they are as the doors say. */
  readonly reportedPorts?: ReportedPorts
}

export interface ReportedPorts extends PortRange {
  /** Its ports speak TLS with a certificate of the session's own: a report without the fingerprint is refused. */
  readonly tls?: boolean
}

export interface Requirements {
  /** Its sessions can be paused. */
  readonly pause?: boolean
  /** At least so well it keeps sessions apart. */
  readonly isolation?: Isolation
  /** The size's disk is a limit there. */
  readonly diskLimit?: boolean
}

export interface PortRange {
  readonly from: number
  readonly to: number
}

/** `members`: of the session's project. `invited`: whomever the owner names. */
export const sharings = ['off', 'members', 'invited'] as const
export type Sharing = (typeof sharings)[number]

export type ParameterValue = string | number | boolean
export type ParameterSpec =
  | {
      readonly type: 'string'
      readonly default?: string
      readonly enum?: readonly string[]
      readonly maxLength?: number
      /** Kept sealed, given to the instance, and shown to nobody. */
      readonly secret?: boolean
      readonly env?: string
      readonly title?: string
    }
  | {
      readonly type: 'integer' | 'number'
      readonly default?: number
      readonly min?: number
      readonly max?: number
      readonly enum?: readonly number[]
      readonly env?: string
      readonly title?: string
    }
  | { readonly type: 'boolean'; readonly default?: boolean; readonly env?: string; readonly title?: string }

export const doorModes = ['control', 'view'] as const
export type DoorMode = (typeof doorModes)[number]
export interface DoorSpec {
  readonly protocol: DoorProtocol
  readonly port: number
  readonly modes: readonly DoorMode[]
  /** Where the door starts, below its host; `{secret}` is replaced by the session's secret when it is opened directly. */
  readonly path?: string
  /** Of a web door: where it only shows. Without, such a door cannot be opened for looking only. */
  readonly readOnly?: { readonly port: number; readonly path?: string }
  /** Of a web door: the header that lets one in; `{secret}` stands for the session's secret. */
  readonly secret?: { readonly header: string; readonly value: string }
  /** Of a desktop: what is said to it beside its address; `{secret}` stands for the session's secret in `password`. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Of a desktop: out of it, into it. */
  readonly clipboard?: { readonly copy: boolean; readonly paste: boolean }
  readonly files?: { readonly upload: boolean; readonly download: boolean }
  /** Of a desktop: what is seen is kept for so long; whoever opens it is told before. */
  readonly recording?: { readonly retentionDays: number }
}

export const doorProtocols = ['http', 'vnc', 'rdp', 'ssh'] as const
export type DoorProtocol = (typeof doorProtocols)[number]

/** When an instance counts as ready; each probe of it is bounded. */
export type ReadinessSpec =
  | { readonly kind: 'tcp'; readonly port: number }
  | { readonly kind: 'http'; readonly port: number; readonly path: string; readonly status: number }
  | { readonly kind: 'log'; readonly pattern: string }
  /** As soon as it runs. */
  | { readonly kind: 'none' }

export type Egress = 'none' | 'internet' | 'site'
export type MountKind = 'dataset' | 'workspace' | 'experiment'
export interface MountAllowance {
  readonly kind: MountKind
  readonly modes: readonly ('ro' | 'rw')[]
}

export type Visibility =
  | { readonly kind: 'everyone' }
  | { readonly kind: 'organisation'; readonly organisation: string }
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'project'; readonly projectId: string }
  | { readonly kind: 'account'; readonly accountId: string }

/** Who looks at a template, as far as its visibility cares. */
export interface Viewer {
  readonly accountId: string
  readonly organisation: string | null
  readonly groups: readonly string[]
  readonly projectIds: readonly string[]
}

/** Whether the template may be seen, and so started, by the viewer. */
export function isVisible(visibleTo: readonly Visibility[], viewer: Viewer): boolean {
  return visibleTo.some((v) => {
    switch (v.kind) {
      case 'everyone':
        return true
      case 'organisation':
        return v.organisation === viewer.organisation
      case 'group':
        return viewer.groups.includes(v.group)
      case 'project':
        return viewer.projectIds.includes(v.projectId)
      case 'account':
        return v.accountId === viewer.accountId
      default:
        return v satisfies never
    }
  })
}

/** The values that anybody may see who sees the session, and those that nobody sees. */
export function partSecrets(
  specs: TemplateSpec['parameters'],
  values: Readonly<Record<string, ParameterValue>>,
): { readonly open: Record<string, ParameterValue>; readonly secret: Record<string, ParameterValue> } {
  const isSecret = (name: string): boolean => {
    const spec = specs[name]
    return spec?.type === 'string' && spec.secret === true
  }
  const entries = Object.entries(values)
  return {
    open: Object.fromEntries(entries.filter(([name]) => !isSecret(name))),
    secret: Object.fromEntries(entries.filter(([name]) => isSecret(name))),
  }
}

export interface ParameterFault {
  readonly name: string
  readonly code: 'unknown_parameter' | 'invalid_request'
  readonly message: string
}

/** Applies defaults and checks what was asked; unknown names are refused. The result holds every parameter that has a value. */
export function resolveParameters(
  specs: TemplateSpec['parameters'],
  asked: Readonly<Record<string, ParameterValue>>,
): { readonly values: Record<string, ParameterValue>; readonly faults: readonly ParameterFault[] } {
  const unknown = Object.keys(asked)
    .filter((name) => !Object.hasOwn(specs, name))
    .map((name): ParameterFault => ({
      name,
      code: 'unknown_parameter',
      message: 'The template has no such parameter.',
    }))
  const values: Record<string, ParameterValue> = {}
  const faults: ParameterFault[] = [...unknown]
  for (const [name, spec] of Object.entries(specs)) {
    const value = Object.hasOwn(asked, name) ? asked[name] : spec.default
    if (value === undefined) {
      faults.push({ name, code: 'invalid_request', message: 'This parameter is required.' })
      continue
    }
    const message = faultOf(spec, value)
    if (message !== null) faults.push({ name, code: 'invalid_request', message })
    else values[name] = value
  }
  return { values, faults }
}

function faultOf(spec: ParameterSpec, value: ParameterValue): string | null {
  switch (spec.type) {
    case 'boolean':
      return typeof value === 'boolean' ? null : 'Expected true or false.'
    case 'string':
      if (typeof value !== 'string') return 'Expected text.'
      if (spec.enum && !spec.enum.includes(value)) return `Expected one of: ${spec.enum.join(', ')}.`
      return value.length > (spec.maxLength ?? 1_000) ? `Expected at most ${spec.maxLength ?? 1_000} characters.` : null
    case 'integer':
    case 'number':
      if (typeof value !== 'number' || !Number.isFinite(value)) return 'Expected a number.'
      if (spec.type === 'integer' && !Number.isSafeInteger(value)) return 'Expected a whole number.'
      if (spec.enum && !spec.enum.includes(value)) return `Expected one of: ${spec.enum.join(', ')}.`
      if (spec.min !== undefined && value < spec.min) return `Expected at least ${spec.min}.`
      return spec.max !== undefined && value > spec.max ? `Expected at most ${spec.max}.` : null
    default:
      return spec satisfies never
  }
}
