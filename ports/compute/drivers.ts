import type { z } from 'zod'
import { createDockerProvider } from './docker/provider.ts'
import { dockerSettings } from './docker/settings.ts'
import { createFakeProvider } from './fake/provider.ts'
import { fakeSettings } from './fake/settings.ts'
import { createProcessProvider } from './process/provider.ts'
import { processSettings } from './process/settings.ts'
import type { ComputeProvider } from './provider.ts'

export const driverKinds = ['docker', 'process', 'fake'] as const
export type DriverKind = (typeof driverKinds)[number]

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
}

/** What is wrong with a provider's settings: every problem, each with its key. */
export class ProviderSettingsInvalid extends Error {
  override readonly name = 'ProviderSettingsInvalid'
  readonly problems: readonly string[]
  constructor(id: string, problems: readonly string[]) {
    super(`provider ${id}: ${problems.join('; ')}`)
    this.problems = problems
  }
}

const schemas: Readonly<Record<DriverKind, z.ZodType>> = {
  docker: dockerSettings,
  process: processSettings,
  fake: fakeSettings,
}

/** What is wrong with the settings of a provider of this kind: every problem, each with its place. Opens nothing. */
export function settingsFaults(kind: DriverKind, settings: unknown): { path: string[]; message: string }[] {
  const { error } = schemas[kind].safeParse(settings)
  return (error?.issues ?? []).map(({ path, message }) => ({ path: path.map(String), message }))
}

/**
 * Makes the driver of a provider. Connects to nothing yet. Throws `ProviderSettingsInvalid` for settings that are not
 * the driver's, an unknown kind, and a `process` or `fake` provider where that is not allowed.
 */
export function openProvider(provider: ProviderToOpen): ComputeProvider {
  const { id, kind, settings, networks, development } = provider
  const parsed = <T>(schema: z.ZodType<T>): T => {
    const result = schema.safeParse(settings)
    if (result.success) return result.data
    const problems = result.error.issues.map((issue) => `${issue.path.join('.') || 'settings'}: ${issue.message}`)
    throw new ProviderSettingsInvalid(id, problems)
  }
  switch (kind) {
    case 'docker':
      return createDockerProvider(parsed(dockerSettings), { networks })
    case 'process':
      if (!development && !provider.weakIsolationAllowedFor.includes(id))
        throw new ProviderSettingsInvalid(id, [
          'kind: process keeps sessions apart from this machine only in part; outside development it must be allowed by name',
        ])
      return createProcessProvider(parsed(processSettings), { networks })
    case 'fake':
      if (!development) throw new ProviderSettingsInvalid(id, ['kind: fake is for development and tests'])
      return createFakeProvider(parsed(fakeSettings))
    default:
      throw new ProviderSettingsInvalid(id, [`kind: must be one of ${driverKinds.join(', ')}`])
  }
}
