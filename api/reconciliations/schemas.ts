import { z } from '@hono/zod-openapi'
import type { Reconciliation } from '../../db/reconciliation-asks.ts'
import { driftKinds, reconciliationOutcomes } from '../../domain/reconciliation.ts'
import type { Action, ReconciliationReport } from '../../domain/reconciliation.ts'
import { outsideDriftKinds } from '../../domain/outside-sweep.ts'
import type { OutsideAction } from '../../domain/outside-sweep.ts'
import { id, idOf, iso, isoOrNull, nullableTime, reason, time } from '../fields.ts'

const objectName = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'Expected the name of an object.')

export const ReconciliationCreate = z
  .strictObject({
    provider: idOf('provider').optional().openapi({ description: 'Which provider; or else `accessGateway`' }),
    accessGateway: z.literal(true).optional().openapi({
      description: 'The gateway outside that shows desktops, where there is one, in place of a provider',
    }),
    dryRun: z.boolean().default(true).openapi({ description: 'Only say what would be done' }),
    remove: z.array(objectName).max(100).default([]).openapi({
      description:
        'Objects that no row knows of, by the `subject` of their `unknown_instance` drift, to be removed as well. Needs `dryRun: false`.',
    }),
    reason,
  })
  .refine(({ provider, accessGateway }) => (provider === undefined) === (accessGateway === true), {
    path: ['provider'],
    message: 'Expected either a provider or `accessGateway`.',
  })
  .openapi('ReconciliationCreate')

export const SweepArm = z
  .strictObject({
    provider: idOf('provider').optional().openapi({ description: 'The installation itself when left out' }),
    reason,
  })
  .openapi('SweepArm')

export const InstanceAdopt = z
  .strictObject({
    provider: idOf('provider'),
    instance: objectName.openapi({ description: 'The `subject` of its `unknown_instance` drift' }),
    dryRun: z.boolean().default(true).openapi({ description: 'Only say whether it could be' }),
    reason,
  })
  .openapi('InstanceAdopt')

export const AdoptionDocument = z
  .object({
    instance: z.string(),
    sessionId: id,
    generation: z.int(),
    adopted: z.boolean().openapi({ description: 'False of a dry run that finds that it could be' }),
  })
  .openapi('Adoption')

const DriftDocument = z
  .object({
    kind: z.string().openapi({
      description: `Open to growth. Today: ${driftKinds.join(', ')}; of the gateway outside ${outsideDriftKinds.join(', ')}.`,
    }),
    subject: z.string().openapi({
      description: "A session's id; of an instance its object's name; of what is at the gateway outside its name there",
    }),
    sessionId: z.string(),
    generation: z.int(),
    certain: z.boolean().openapi({ description: 'Seen often and long enough to be acted on' }),
  })
  .openapi('Drift')

/** The compiler knows which are missing. */
const actionsAtProvider: Readonly<Record<Action['do'], true>> = {
  removeInstance: true,
  removeUnknown: true,
  releaseReservation: true,
  lookAgain: true,
  doubtInstance: true,
  nudgeWorkflow: true,
  dispatch: true,
}
const actionsOutside: Readonly<Record<OutsideAction['do'], true>> = {
  closeDoors: true,
  removeAccount: true,
  killTunnel: true,
}
const namesOf = (actions: object) => Object.keys(actions).join(', ')

const ActionDocument = z
  .object({
    do: z.string().openapi({
      description: `Open to growth. Today: ${namesOf(actionsAtProvider)}; at the gateway outside ${namesOf(actionsOutside)}.`,
    }),
    name: z.string().optional(),
    accountId: z.string().optional(),
    sessionId: z.string().optional(),
    generation: z.int().optional(),
  })
  .openapi('ReconciliationAction')

const ReportDocument = z.object({
  listed: z
    .int()
    .openapi({ description: 'How many instances the provider has, or how much of ours the gateway outside' }),
  drifts: z.array(DriftDocument),
  actions: z.array(ActionDocument).openapi({ description: 'What was done, or would be' }),
  withheld: z.int().nullable().openapi({
    description: 'So many removals and endings at once are none: the sweep is disarmed until an operator arms it',
  }),
  failed: z.array(ActionDocument).openapi({ description: 'What of it failed; it is tried again' }),
})

export const ReconciliationDocument = z
  .object({
    id,
    provider: id.nullable().openapi({ description: '`null`: the gateway outside' }),
    accessGateway: z.boolean(),
    requestedBy: id.nullable().openapi({ description: '`null`: the schedule' }),
    dryRun: z.boolean(),
    remove: z.array(z.string()),
    requestedAt: time,
    startedAt: nullableTime,
    endedAt: nullableTime,
    outcome: z
      .string()
      .nullable()
      .openapi({
        description: `\`null\` until it ended. Open to growth. Today: ${reconciliationOutcomes.join(', ')}.`,
      }),
    report: ReportDocument.nullable().openapi({ description: '`null` until something was surveyed' }),
  })
  .openapi('Reconciliation')

const presentAction = (action: ReconciliationReport['actions'][number]): z.infer<typeof ActionDocument> => ({
  ...action,
})

const presentReport = (report: ReconciliationReport): z.infer<typeof ReportDocument> => ({
  listed: report.listed,
  drifts: report.drifts.map(({ kind, subject, sessionId, generation, certain }) => ({
    kind,
    subject,
    sessionId,
    generation,
    certain,
  })),
  actions: report.actions.map(presentAction),
  withheld: report.withheld,
  failed: report.failed.map(presentAction),
})

export const presentReconciliation = (it: Reconciliation): z.infer<typeof ReconciliationDocument> => ({
  id: it.id,
  provider: it.providerId,
  accessGateway: it.providerId === null,
  requestedBy: it.requestedBy,
  dryRun: it.dryRun,
  remove: [...it.removeNames],
  requestedAt: iso(it.requestedAt),
  startedAt: isoOrNull(it.startedAt),
  endedAt: isoOrNull(it.endedAt),
  outcome: it.outcome,
  report: it.report === null ? null : presentReport(it.report),
})
