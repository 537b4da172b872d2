import { z } from 'zod'
import { classPattern, providerKinds } from '../../domain/provider-kinds.ts'
import type { ProviderKind } from '../../domain/provider-kinds.ts'
import { cidr, identifier, json, jsonFile, listOf } from './fields.ts'

/** A provider as the site configures it; `settings` is checked by the driver of its kind. */
export interface ProviderConfig {
  readonly id: string
  readonly kind: ProviderKind
  /** How many sessions may be starting there at once. */
  readonly startLimit: number
  /** Where its instances may be reached; an endpoint outside is refused. */
  readonly networks: readonly string[]
  /** What templates may name in place of the provider itself. */
  readonly classes?: readonly string[] | undefined
  readonly settings: Readonly<Record<string, unknown>>
}

const provider: z.ZodType<ProviderConfig> = z.strictObject({
  id: identifier,
  kind: z.enum(providerKinds, { error: `must be one of ${providerKinds.join(', ')}` }),
  startLimit: z.int().min(1).max(1_000).default(4),
  networks: z.array(cidr).default([]),
  classes: z
    .array(z.string().regex(classPattern, { error: 'must be a short lower-case name' }))
    .max(20)
    .optional(),
  settings: z.record(z.string(), z.unknown()).default({}),
})

const list = z.array(provider).max(100)

/** Why sessions of the provider are kept apart only in part; `null`: they are kept apart. */
function weaknessOf({ kind, settings }: ProviderConfig): string | null {
  if (kind === 'process')
    return "sessions of the kind process share the host's kernel, network and files with Carrel itself"
  if (kind === 'docker' && settings['egressEnforcement'] === 'best_effort')
    return 'with egressEnforcement best_effort a session may reach what its template does not allow'
  if (kind === 'kubernetes' && settings['networkPoliciesEnforced'] !== true)
    return 'without networkPoliciesEnforced nobody has said that the cluster keeps its pods apart'
  if (kind === 'handover') return 'what its provisioner keeps apart is the provisioner’s own word'
  if (kind === 'slurm') return "jobs share the cluster's nodes, network and files"
  return null
}

/** Which providers there are: in the variable itself or in a file, not in both. */
export const providersPart = z
  .object({
    CARREL_ENV: z.string().default('production'),
    CARREL_PROVIDERS: json(list).optional(),
    CARREL_PROVIDERS_FILE: jsonFile(list).optional(),
    CARREL_WEAK_ISOLATION_ALLOWED: listOf(identifier).default([]),
  })
  .superRefine((env, context) => {
    const report = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    if (env.CARREL_PROVIDERS !== undefined && env.CARREL_PROVIDERS_FILE !== undefined)
      report('CARREL_PROVIDERS', 'must not be set together with CARREL_PROVIDERS_FILE')
    const all = [...(env.CARREL_PROVIDERS ?? []), ...(env.CARREL_PROVIDERS_FILE ?? [])]
    for (const id of new Set(all.map((p) => p.id)))
      if (all.filter((p) => p.id === id).length > 1) report('CARREL_PROVIDERS', `must name the provider ${id} once`)
    if (env.CARREL_ENV === 'development') return
    for (const one of all) {
      const weakness = weaknessOf(one)
      if (weakness !== null && !env.CARREL_WEAK_ISOLATION_ALLOWED.includes(one.id))
        report('CARREL_WEAK_ISOLATION_ALLOWED', `must name ${one.id} to run it outside development: ${weakness}`)
    }
  })
  .transform((env) => env.CARREL_PROVIDERS ?? env.CARREL_PROVIDERS_FILE ?? [])
