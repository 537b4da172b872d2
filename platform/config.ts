import type { z } from 'zod'
import { basePart, parts } from './config/parts.ts'

export type { IssuerConfig } from './config/issuers.ts'
export type { Key } from './config/keys.ts'
export type { ProviderConfig } from './config/providers.ts'

type Parts = typeof parts
export type Part = keyof Parts
type Environment = Readonly<Record<string, string | undefined>>

/** The parts that a process asked for, and what every process has. Frozen. */
export type Config<P extends Part = Part> = z.output<typeof basePart> & {
  readonly [K in P]: z.output<Parts[K]>
} & {
  /** Variables that look like ours but are not: probably misspelt. To be logged at the start. */
  readonly unknownKeys: readonly string[]
}

export interface ConfigFault {
  /** The variable, and the place within it where it holds a document: `CARREL_PROVIDERS[0].networks[1]`. */
  readonly key: string
  readonly expected: string
}

/** The configuration is wrong; the message lists every fault, so that one look at it is enough. Holds no values. */
export class ConfigInvalid extends Error {
  readonly faults: readonly ConfigFault[]
  constructor(faults: readonly ConfigFault[]) {
    super(['The configuration is wrong:', ...faults.map((fault) => `  ${fault.key} ${fault.expected}`)].join('\n'))
    this.name = 'ConfigInvalid'
    this.faults = faults
  }
}

/**
 * Reads and checks the parts of the configuration that a process needs.
 * @throws ConfigInvalid with every fault of every part
 */
export function readConfig<const P extends Part>(needed: readonly P[], env: Environment = process.env): Config<P> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const faults: ConfigFault[] = []
  const read = (schema: z.ZodType): unknown => {
    const result = schema.safeParse(present)
    if (!result.success) faults.push(...result.error.issues.map(faultOf))
    return result.data
  }
  const base = read(basePart)
  const asked = needed.map((part) => [part, read(parts[part])] as const)
  if (faults.length > 0) throw new ConfigInvalid(unique(faults))
  const config: unknown = { ...(base as object), ...Object.fromEntries(asked), unknownKeys: unknownKeys(present) }
  // Each entry came out of the schema that Config names for it.
  return freeze(config as Config<P>)
}

/** Carrel's own variables as they are set: what the embedded stack hands on to its processes. */
export function ownVariables(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (isOurs(key) && value !== undefined ? [[key, value]] : [])),
  )
}

/** The environment for a child process: ours without Carrel's own variables, then `extra`. */
export function childEnvironment(extra: Environment): Record<string, string> {
  const merged = { ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !isOurs(key))), ...extra }
  return Object.fromEntries(
    Object.entries(merged).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
}

const isOurs = (key: string) => key.startsWith('CARREL_')

const knownKeys = new Set([basePart, ...Object.values(parts)].flatMap((part) => Object.keys(objectOf(part).shape)))

/** The object schema at the entrance of a part. */
function objectOf(part: z.ZodPipe): z.ZodObject {
  // Every part is `z.object(…)…transform(…)`.
  return part.in as z.ZodObject
}

const unknownKeys = (env: Environment) => Object.keys(env).filter((key) => isOurs(key) && !knownKeys.has(key))

function faultOf(issue: z.core.$ZodIssue): ConfigFault {
  const [variable, ...rest] = issue.path
  const place = rest.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  return { key: `${String(variable)}${place}`, expected: issue.message }
}

const unique = (faults: readonly ConfigFault[]) => [
  ...new Map(faults.map((fault) => [`${fault.key} ${fault.expected}`, fault])).values(),
]

function freeze<T>(value: T): T {
  // A typed array with elements cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}
