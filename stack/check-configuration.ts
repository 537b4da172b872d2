import { TemplateSpecSchema } from '../api/templates/spec.ts'
import type { Configuration } from '../db/bootstrap.ts'
import { needsNetworks } from '../domain/provider-kinds.ts'
import type { Config, ConfigFault } from '../platform/config.ts'
import { settingsFaults } from '../ports/compute/drivers.ts'

type Wanted = Pick<Config<'providers' | 'seed'>, 'providers' | 'seed'>

/** What is wrong with the configuration beyond its fields, and the templates as the API would take them. */
export interface Checked {
  readonly faults: readonly ConfigFault[]
  /** Those that are right. */
  readonly templates: Configuration['templates']
}

/** Checks settings against their drivers, and templates against the API's own schema. */
export function checkConfiguration({ providers, seed }: Wanted): Checked {
  const settings = providers.flatMap(({ id, kind, settings: given }) =>
    settingsFaults(kind, given).map(({ path, message }) => ({
      key: `CARREL_PROVIDERS: ${[id, 'settings', ...path].join('.')}`,
      expected: message,
    })),
  )
  const unreachable = providers
    .filter(({ kind, networks }) => needsNetworks(kind) && networks.length === 0)
    .map(({ id }) => ({
      key: `CARREL_PROVIDERS: ${id}.networks`,
      expected: 'must name the networks in which its sessions are reached',
    }))
  const names = seed.templates.map(({ name }) => name)
  const twice = names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [{ key: `CARREL_TEMPLATES_FILE[${index}].name`, expected: 'must not stand for two templates' }],
  )
  const parsed = seed.templates.map(({ name, spec }) => ({ name, result: TemplateSpecSchema.safeParse(spec) }))
  const specs = parsed.flatMap(({ result }, index) =>
    (result.error?.issues ?? []).map(({ path, message }) => ({
      key: `CARREL_TEMPLATES_FILE[${index}].${['spec', ...path].join('.')}`,
      expected: message,
    })),
  )
  return {
    faults: [...settings, ...unreachable, ...specs, ...twice],
    templates: parsed.flatMap(({ name, result }) => (result.success ? [{ name, spec: result.data }] : [])),
  }
}
