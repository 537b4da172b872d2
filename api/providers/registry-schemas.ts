import { z } from '@hono/zod-openapi'
import { classPattern } from '../../domain/provider-kinds.ts'
import { isNetwork } from '../../platform/addresses.ts'
import { apiKinds } from '../../ports/compute/api-settings.ts'
import { idOf, reason } from '../fields.ts'

const fieldName = z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/, 'Expected the name of a setting.')
const startLimit = z.int().min(1).max(1_000).openapi({ description: 'How many sessions may begin there at once' })
const networks = z
  .array(z.string().max(50).refine(isNetwork, 'Expected a network such as 10.1.0.0/16.'))
  .max(100)
  .openapi({
    description:
      'Where its instances may be reached; each within the networks that the deployment allows for providers. Needed, but of a `link`',
  })
const classes = z
  .array(z.string().regex(classPattern, 'Expected a short lower-case name.'))
  .max(20)
  .openapi({ description: 'What templates may name in place of the provider' })
const settings = z.record(fieldName, z.unknown()).openapi({
  description: 'A closed schema per kind: no paths of files, no programs. See the documentation of the kind',
})
const secretNames = Object.entries(apiKinds).flatMap(([kind, { secret }]) =>
  secret.length === 0 ? [] : [`${kind}: ${secret.join(', ')}`],
)
const secrets = z.record(fieldName, z.string().min(1).max(100_000)).openapi({
  description: `What of the settings is secret, by name (${secretNames.join('; ')}). Kept sealed, given to the worker alone, shown to nobody`,
  writeOnly: true,
})

/** As the reference shows it. */
export const providerExample = {
  id: 'cloud2',
  kind: 'kubernetes',
  startLimit: 8,
  networks: ['10.42.0.0/16'],
  classes: ['desks'],
  settings: {
    server: 'https://10.1.2.3:6443',
    ca: '-----BEGIN CERTIFICATE-----\n…',
    reachableFrom: [{ network: '10.1.0.0/16' }],
  },
  secrets: { token: '…' },
  draining: true,
  reason: 'The new cluster.',
} as const

export const ProviderCreate = z
  .strictObject({
    id: idOf('provider').openapi({ description: 'Chosen by you, and never changed', example: 'cloud2' }),
    kind: z
      .string()
      .max(32)
      .openapi({
        example: 'kubernetes',
        description: `Open to growth. Today: ${Object.keys(apiKinds).join(', ')} (fake in development alone).`,
      }),
    startLimit: startLimit.default(4),
    networks: networks.default([]),
    classes: classes.default([]),
    settings: settings.default({}),
    secrets: secrets.default({}),
    draining: z
      .boolean()
      .default(false)
      .openapi({ description: 'Let no session begin there until it is undrained: check it before' }),
    reason,
  })
  .openapi('ProviderCreate', { example: providerExample })

export const ProviderPatch = z
  .strictObject({
    startLimit: startLimit.optional(),
    networks: networks.optional(),
    classes: classes.optional(),
    settings: settings
      .optional()
      .openapi({ description: 'Replaces all of them; where there are secrets, with all of those' }),
    secrets: secrets.optional().openapi({ description: 'Replaces all of them', writeOnly: true }),
    reason,
  })
  .openapi('ProviderPatch')
