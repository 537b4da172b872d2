import type { z } from 'zod'
import { dockerApiSettings, dockerSecretFields, dockerSettings } from './docker/settings.ts'
import { fakeApiSettings, fakeSecretFields, fakeSettings } from './fake/settings.ts'
import { handoverApiSettings, handoverSecretFields, handoverSettings } from './handover/settings.ts'
import { kubernetesApiSettings, kubernetesSecretFields, kubernetesSettings } from './kubernetes/settings.ts'
import { linkApiSettings, linkSecretFields, linkSettings } from './link/settings.ts'
import { openstackApiSettings, openstackSecretFields, openstackSettings } from './openstack/settings.ts'
import { slurmApiSettings, slurmSecretFields, slurmSettings } from './slurm/settings.ts'

/** How the settings of a kind are given by the API: what is plain and what is secret apart, both closed. */
export interface ApiKind {
  /** What is plain: no paths of files, no programs, no redirects. */
  readonly plain: z.ZodType
  /** Names of what is secret. */
  readonly secret: readonly string[]
  /** What both together must be. */
  readonly whole: z.ZodType
}

/** The kinds of providers that can be made by the API. Whatever runs commands of a machine (`process`) is not among them. */
export const apiKinds: Readonly<Record<string, ApiKind>> = {
  docker: { plain: dockerApiSettings, secret: dockerSecretFields, whole: dockerSettings },
  fake: { plain: fakeApiSettings, secret: fakeSecretFields, whole: fakeSettings },
  handover: { plain: handoverApiSettings, secret: handoverSecretFields, whole: handoverSettings },
  kubernetes: { plain: kubernetesApiSettings, secret: kubernetesSecretFields, whole: kubernetesSettings },
  openstack: { plain: openstackApiSettings, secret: openstackSecretFields, whole: openstackSettings },
  link: { plain: linkApiSettings, secret: linkSecretFields, whole: linkSettings },
  slurm: { plain: slurmApiSettings, secret: slurmSecretFields, whole: slurmSettings },
}

/** What is wrong with a provider as the API gives it: each with its place, of `settings` or of `secrets`. Never a value. */
export interface SettingsFault {
  readonly of: 'settings' | 'secrets'
  readonly path: readonly string[]
  readonly message: string
}

export type Given = Readonly<Record<string, unknown>>

/** Checks what the API is given against the closed schema of the kind. Empty: the worker can make a driver of it. */
export function apiSettingsFaults(kind: ApiKind, settings: Given, secrets: Given): SettingsFault[] {
  const plain = faultsOf(kind.plain, settings).map(({ path, message }): SettingsFault => {
    const isSecret = kind.secret.includes(path[0] ?? '')
    return { of: 'settings', path, message: isSecret ? 'It is a secret: give it among those.' : message }
  })
  const unknown = Object.keys(secrets)
    .filter((name) => !kind.secret.includes(name))
    .map((name): SettingsFault => ({ of: 'secrets', path: [name], message: `Expected ${namesOf(kind.secret)}.` }))
  const known = [...plain, ...unknown]
  if (known.length > 0) return known
  return faultsOf(kind.whole, { ...settings, ...secrets }).map((fault): SettingsFault => {
    const isSecret = kind.secret.includes(fault.path[0] ?? '')
    return { of: isSecret ? 'secrets' : 'settings', ...fault }
  })
}

const faultsOf = (schema: z.ZodType, given: Given) => placesOf(schema.safeParse(given).error)

/** What is wrong with settings, each with its place: a setting that there is not has one of its own. */
export const placesOf = (error: z.ZodError | undefined): { path: string[]; message: string }[] =>
  (error?.issues ?? []).flatMap((issue) => {
    const path = issue.path.map(String)
    if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }]
    return issue.keys.map((key) => ({ path: [...path, key], message: 'There is no such setting.' }))
  })

const namesOf = (names: readonly string[]): string => (names.length === 0 ? 'none for this kind' : names.join(', '))

/** Where a provider's settings lead: every address in them that is written as a URL. */
export interface NamedHost {
  readonly path: readonly string[]
  /** As it stands there, without brackets: a name or an address. */
  readonly host: string
  /** Whether somebody's name or password stands in it as well. */
  readonly credentials: boolean
}

/** Every host that the settings name by a URL, at whatever depth. */
export function hostsOf(settings: unknown, path: readonly string[] = []): NamedHost[] {
  if (typeof settings === 'string') {
    // As whoever connects reads it: with one slash, with others or with none it leads there as well.
    if (!URL.canParse(settings)) return []
    const { hostname, username, password } = new URL(settings)
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    return host === '' ? [] : [{ path, host, credentials: username + password !== '' }]
  }
  if (typeof settings !== 'object' || settings === null) return []
  return Object.entries(settings).flatMap(([key, value]) => hostsOf(value, [...path, key]))
}
