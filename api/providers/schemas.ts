import { z } from '@hono/zod-openapi'
import type { ProviderOverview } from '../../db/provider-overview.ts'
import type { Capabilities as CapabilitiesSaid } from '../../domain/capabilities.ts'
import { liveStates } from '../../domain/lifecycle.ts'
import { driftKinds } from '../../domain/reconciliation.ts'
import { isServed } from '../status/dependencies.ts'
import { id, isoOrNull, nullableTime, resources } from '../fields.ts'

const counts = (names: readonly string[], what: string) =>
  z.record(z.string(), z.int()).openapi({ description: `${what}; what is not named is 0. Today: ${names.join(', ')}.` })

const Capabilities = z
  .object({
    pause: z.boolean(),
    gpu: z.boolean(),
    diskLimit: z.boolean(),
    isolation: z.string(),
    egress: z.array(z.string()),
    mounts: z.boolean(),
    logs: z.boolean(),
    reports: z.boolean().openapi({ description: 'Whether its instances can report their ports' }),
  })
  .openapi('Capabilities')

export const ProviderDocument = z
  .object({
    id,
    kind: z.string().openapi({ example: 'docker' }),
    origin: z.enum(['configuration', 'api']),
    startLimit: z.int().openapi({ description: 'How many sessions may begin there at once' }),
    networks: z.array(z.string()).openapi({ description: 'Where its instances may be reached' }),
    classes: z.array(z.string()).openapi({ description: 'What templates may name in place of the provider' }),
    settings: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({ description: 'What the API was given; `null` of one that configuration made' }),
    secrets: z.array(z.string()).openapi({ description: 'Which secrets it was given, by name. Nobody reads them' }),
    version: z.int(),
    capabilities: Capabilities.nullable().openapi({
      description: 'What its driver says of itself; `null`: no worker has made it yet. Open to growth',
    }),
    openFault: z.string().nullable().openapi({
      description: 'Why no worker could make its driver: a code as in checks',
      example: 'settings_invalid',
    }),
    disabledAt: nullableTime.openapi({ description: 'Since when it is out of service' }),
    drainingSince: nullableTime.openapi({ description: 'Since when no session begins there, by an operator' }),
    breaker: z
      .object({
        state: z.enum(['closed', 'open', 'probing']),
        since: nullableTime,
        retryAt: nullableTime.openapi({ description: 'When it is tried again' }),
        failures: z.int(),
      })
      .openapi({ description: '`open`: it does not answer, and nobody begins there until it does' }),
    observedAt: nullableTime.openapi({ description: 'When it last listed what it holds' }),
    served: z
      .boolean()
      .openapi({ description: 'Whether a worker serves it now: else nobody begins or is cleaned up there' }),
    servedAt: nullableTime.openapi({ description: 'When a worker last served it; `null`: none ever has' }),
    sessions: counts(liveStates, 'Sessions that have not ended, by state'),
    held: resources.openapi({ description: 'What they hold against its quota' }),
    sweep: z
      .object({
        armed: z.boolean(),
        disarmedAt: nullableTime,
        withheld: z.int().nullable().openapi({ description: 'How many removals and endings it would not do at once' }),
        lastRunAt: nullableTime,
        lastWholeAt: nullableTime.openapi({ description: 'When it last saw the whole of the provider' }),
      })
      .openapi({
        description:
          'The scheduled reconciliation. Disarmed, it removes no instance and ends no session until an operator arms it.',
      }),
    drift: counts(driftKinds, 'What the last survey found to differ, by kind'),
  })
  .openapi('Provider')

/** A provider as operators see it: nothing secret, and no words of its backend. */
export const presentProvider = (provider: ProviderOverview): z.infer<typeof ProviderDocument> => ({
  id: provider.id,
  kind: provider.kind,
  origin: provider.origin,
  startLimit: provider.startLimit,
  networks: [...provider.networks],
  classes: [...provider.classes],
  settings: provider.settings,
  secrets: [...provider.secretNames],
  version: provider.version,
  capabilities: provider.capabilities === null ? null : presentCapabilities(provider.capabilities),
  openFault: provider.openFault,
  disabledAt: isoOrNull(provider.disabledAt),
  drainingSince: isoOrNull(provider.drainingSince),
  breaker: {
    state: provider.breaker.state,
    since: isoOrNull(provider.breaker.since),
    retryAt: isoOrNull(provider.breaker.retryAt),
    failures: provider.breaker.failures,
  },
  observedAt: isoOrNull(provider.observedAt),
  served: isServed(provider.servedAt, new Date()),
  servedAt: isoOrNull(provider.servedAt),
  sessions: Object.fromEntries(provider.sessions.map(({ state, count }) => [state, count])),
  held: provider.held,
  sweep: {
    armed: provider.sweep.disarmedAt === null,
    disarmedAt: isoOrNull(provider.sweep.disarmedAt),
    withheld: provider.sweep.withheld,
    lastRunAt: isoOrNull(provider.sweep.lastRunAt),
    lastWholeAt: isoOrNull(provider.sweep.lastWholeAt),
  },
  drift: Object.fromEntries(provider.drift.map(({ kind, count }) => [kind, count])),
})

const presentCapabilities = (said: CapabilitiesSaid): z.infer<typeof Capabilities> => {
  const { egress, pause, gpu, diskLimit, isolation, mounts, logs, reports = true } = said
  return { pause, gpu, diskLimit, isolation, egress: [...egress], mounts, logs, reports }
}
