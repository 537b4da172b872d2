/**
 * What a session holds against quotas. Whole numbers; the unit is in the name:
 * `cpuMilli` thousandths of a core, `memoryMib` and `diskMib` binary megabytes.
 */
export interface Resources {
  readonly sessions: number
  readonly cpuMilli: number
  readonly memoryMib: number
  readonly diskMib: number
  readonly gpus: number
}

/** A limit per resource; `null` means no limit. */
export type Limits = { readonly [R in keyof Resources]: Resources[R] | null }

export const resourceNames = ['sessions', 'cpuMilli', 'memoryMib', 'diskMib', 'gpus'] as const
export type ResourceName = (typeof resourceNames)[number]

export const nothing: Resources = { sessions: 0, cpuMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 }
export const unlimited: Limits = { sessions: null, cpuMilli: null, memoryMib: null, diskMib: null, gpus: null }

const each = <T>(of: (resource: ResourceName) => T) =>
  Object.fromEntries(resourceNames.map((resource) => [resource, of(resource)])) as Record<ResourceName, T>

export const add = (a: Resources, b: Resources): Resources => each((r) => a[r] + b[r])
export const sum = (all: readonly Resources[]): Resources => all.reduce(add, nothing)
/** What a session goes on holding while it is paused: its place, and what it stored. */
export const atRest = (r: Resources): Resources => ({ ...nothing, sessions: r.sessions, diskMib: r.diskMib })

/** The limits that hold: what is set for the payer, else the site's default. A set `null` means "the default". */
export const withDefaults = (set: Limits, defaults: Limits): Limits => each((r) => set[r] ?? defaults[r])

/** What is left under the limits; never below zero, `null` where nothing limits. */
export const remaining = (limits: Limits, held: Resources): Limits =>
  each((r) => (limits[r] === null ? null : Math.max(0, limits[r] - held[r])))

/** The resources for which `ask` is above `limit`. */
export const exceeding = (limit: Limits, ask: Resources): ResourceName[] =>
  resourceNames.filter((r) => limit[r] !== null && ask[r] > limit[r])
