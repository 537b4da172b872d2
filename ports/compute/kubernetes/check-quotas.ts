import { z } from 'zod'
import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CheckAsk, CheckedTemplate } from '../provider.ts'
import type { Api } from './api.ts'
import { gpuResource } from './objection.ts'
import { pathOf } from './paths.ts'
import { quantityOf } from './quantity.ts'
import type { KubernetesSettings } from './settings.ts'

const amounts = z.record(z.string(), z.string()).default({})
const quotaListShape = z.object({
  items: z.array(
    z.object({
      spec: z.object({ scopes: z.array(z.string()).default([]), scopeSelector: z.unknown().optional() }).optional(),
      status: z.object({ hard: amounts, used: amounts }).default({ hard: {}, used: {} }),
    }),
  ),
})
type Quota = z.output<typeof quotaListShape>['items'][number]

/** What is used up in a namespace, and which sizes are larger than all that it may have. */
export async function checkQuotas(
  { api, settings }: { readonly api: Api; readonly settings: KubernetesSettings },
  { templates }: CheckAsk,
  namespace: string,
  signal: AbortSignal,
): Promise<CheckFinding[]> {
  const { items } = await api.get(pathOf(namespace, 'resourcequotas'), quotaListShape, signal)
  const quotas = items.filter((quota) => countsSessions(quota, settings)).map(({ status }) => status)
  const found = (about: string): CheckFinding => ({ code: 'quota_exhausted', level: 'warning', about })
  const spent = quotas.flatMap(({ hard, used }) =>
    Object.keys(hard).filter((name) => amount(hard, name) > 0 && amount(used, name) >= amount(hard, name)),
  )
  const tooLarge = templates.flatMap((template) =>
    template.sizes.flatMap((size) => {
      const needs = needsOf(template, size, settings)
      const names = quotas.flatMap(({ hard }) =>
        Object.keys(hard).filter((name) => (needs[name] ?? 0) > amount(hard, name)),
      )
      return names.map((name) => `size ${size.name} of ${template.image}: ${name}`)
    }),
  )
  return [...spent, ...tooLarge].map((about) => found(`${about} in ${namespace}`))
}

/** One that nobody can read bounds nothing. */
const amount = (of: Readonly<Record<string, string>>, name: string): number => {
  const text = of[name]
  return text === undefined ? 0 : (quantityOf(text) ?? Infinity)
}

/** Some count only what sessions never are, or are of a class that they have none of. */
const countsSessions = ({ spec }: Quota, { priorityClass }: KubernetesSettings): boolean =>
  !(spec?.scopes ?? []).some((scope) => scope === 'BestEffort' || scope === 'Terminating') &&
  (spec?.scopeSelector === undefined || priorityClass !== undefined)

const mib = 1_024 ** 2

/** What a session of this size takes, by the names that quotas have for it. */
function needsOf(
  { terms }: CheckedTemplate,
  size: CheckedTemplate['sizes'][number],
  settings: KubernetesSettings,
): Readonly<Record<string, number>> {
  const [cpu, memory, disk] = [size.cpuMilli / 1_000, size.memoryMib * mib, size.diskMib * mib]
  const own = { cpu, memory, 'ephemeral-storage': disk }
  const both = Object.entries(own).flatMap(([name, value]) =>
    ['', 'requests.', 'limits.'].map((prefix): [string, number] => [prefix + name, value]),
  )
  const { workspace } = terms.kubernetes ?? {}
  const storage = workspace === undefined ? 0 : disk
  return {
    ...Object.fromEntries(both),
    [`requests.${gpuResource({ terms }, settings) ?? ''}`]: size.gpus,
    'requests.storage': storage,
    [`${workspace?.storageClass ?? ''}.storageclass.storage.k8s.io/requests.storage`]: storage,
  }
}
