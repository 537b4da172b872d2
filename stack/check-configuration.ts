import { templateFaults } from '../domain/template-check.ts'
import type { Config, ConfigFault } from '../platform/config.ts'
import { settingsFaults } from '../ports/compute/drivers.ts'

type Wanted = Pick<Config<'providers' | 'seed'>, 'providers' | 'seed'>

/** What is wrong with providers and templates beyond their fields: settings that are not the driver's, parts that do not fit. */
export function configurationFaults({ providers, seed }: Wanted): ConfigFault[] {
  const settings = providers.flatMap(({ id, kind, settings: given }) =>
    settingsFaults(kind, given).map(({ path, message }) => ({
      key: `CARREL_PROVIDERS: ${[id, 'settings', ...path].join('.')}`,
      expected: message,
    })),
  )
  const unreachable = providers.flatMap(({ id, kind, networks }) =>
    kind !== 'fake' && networks.length === 0
      ? [
          {
            key: `CARREL_PROVIDERS: ${id}.networks`,
            expected: 'must name the networks in which its sessions are reached',
          },
        ]
      : [],
  )
  const templates = seed.templates.flatMap(({ spec }, index) =>
    templateFaults(spec).map(({ pointer, message }) => ({
      key: `CARREL_TEMPLATES_FILE[${index}].spec${pointer.replaceAll('/', '.')}`,
      expected: message,
    })),
  )
  const names = seed.templates.map(({ name }) => name)
  const twice = names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [{ key: `CARREL_TEMPLATES_FILE[${index}].name`, expected: 'must not stand for two templates' }],
  )
  return [...settings, ...unreachable, ...templates, ...twice]
}
