import { z } from '@hono/zod-openapi'
import type { CatalogueSync } from '../../db/catalogue-asks.ts'
import { syncOutcomes } from '../../domain/catalogue.ts'
import { id, iso, isoOrNull, nullableTime, reason, slug, time } from '../fields.ts'

export const CatalogueSyncCreate = z
  .strictObject({
    source: slug(32).openapi({ description: 'The catalogue, as configuration names it' }),
    dryRun: z.boolean().default(true).openapi({ description: 'Only say what would be changed' }),
    allowWithdrawals: z
      .int()
      .min(0)
      .max(10_000_000)
      .default(0)
      .openapi({ description: 'As many may be withdrawn at once, once: what a sync before has `withheld`' }),
    reason,
  })
  .openapi('CatalogueSyncCreate')

const Change = z.object({ do: z.string(), project: z.string() }).catchall(z.string().nullable()).openapi({
  description:
    'Open to growth. Today: addProject, changeProject, addExperiment, changeExperiment, withdrawExperiment, addMember, changeRole (`role`: `null` where the catalogue says none), withdrawMember, admit, dismiss',
})

const Report = z.object({
  read: z.int().openapi({ description: 'Lists that were read' }),
  unread: z.int().openapi({ description: 'Lists that could not be: nothing of these was changed' }),
  why: z.string().nullable(),
  counts: z.record(z.string(), z.int()),
  changes: z.array(Change).openapi({ description: 'The first 200, withdrawals before all else' }),
  faults: z
    .array(z.object({ record: z.string(), field: z.string(), message: z.string() }))
    .openapi({ description: 'What could not be read of records; the first 200' }),
  faultCount: z.int(),
  withheld: z.int().nullable().openapi({ description: 'Withdrawals that were too many at once: none was made' }),
})

export const CatalogueSyncDocument = z
  .object({
    id,
    source: z.string(),
    accountId: id.nullable().openapi({ description: 'Whose list alone was read; `null`: everybody’s' }),
    requestedBy: id.nullable().openapi({ description: '`null`: the schedule, or a sign-in' }),
    dryRun: z.boolean(),
    allowWithdrawals: z.int(),
    requestedAt: time,
    startedAt: nullableTime,
    endedAt: nullableTime,
    outcome: z
      .string()
      .nullable()
      .openapi({
        description:
          `Open to growth. Today: ${syncOutcomes.join(', ')}. \`denied\`: the catalogue does not let Carrel in; ` +
          '`unreachable`: nothing could be read; `disarmed`: the installation may not act.',
      }),
    progress: z
      .object({
        seenAt: nullableTime.openapi({ description: 'When it was last carried on' }),
        lists: z.int().openapi({ description: 'Lists, or parts of one, that have been read; 0 once it has ended' }),
        changed: z.int().openapi({ description: 'Changes that have been made' }),
      })
      .openapi({ description: 'How far it has come' }),
    report: Report.nullable(),
  })
  .openapi('CatalogueSync')

export const presentSync = (sync: CatalogueSync): z.infer<typeof CatalogueSyncDocument> => ({
  id: sync.id,
  source: sync.source,
  accountId: sync.accountId,
  requestedBy: sync.requestedBy,
  dryRun: sync.dryRun,
  allowWithdrawals: sync.allowWithdrawals,
  requestedAt: iso(sync.requestedAt),
  startedAt: isoOrNull(sync.startedAt),
  endedAt: isoOrNull(sync.endedAt),
  outcome: sync.outcome,
  progress: { seenAt: isoOrNull(sync.seenAt), lists: sync.lists, changed: sync.changed },
  report:
    sync.report === null
      ? null
      : {
          ...sync.report,
          counts: { ...sync.report.counts },
          changes: sync.report.changes.map((change) => ({ ...change })),
          faults: sync.report.faults.map((fault) => ({ ...fault })),
        },
})
