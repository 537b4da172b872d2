import { z } from '@hono/zod-openapi'
import type { Maintenance } from '../../db/maintenance.ts'
import type { Admission, Books } from '../../domain/admission.ts'
import { payerKinds } from '../../domain/admission.ts'
import type { ErrorCode } from '../../domain/errors.ts'
import { remaining } from '../../domain/resources.ts'
import { id, limits, resources } from '../fields.ts'
import { maintenanceOrNull, presentMaintenance } from '../maintenance/schemas.ts'
import { ViolationDocument } from '../problem.ts'
import type { Plan } from '../sessions/plan.ts'

/** What refuses a session before its quotas do, the first first. */
const refusals = [
  'terms_not_accepted',
  'not_authorized',
  'user_office_unavailable',
  'maintenance',
] as const satisfies ErrorCode[]

export const PreviewDocument = z
  .object({
    admitted: z.boolean().openapi({ description: 'Whether it would be, if it were asked now' }),
    code: z
      .string()
      .nullable()
      .openapi({ description: `\`null\`, ${refusals.join(', ')}, quota_exceeded or exceeds_limit` }),
    violations: z.array(ViolationDocument),
    template: z.object({ id, version: z.int(), name: z.string() }),
    projectId: id,
    experimentId: id.nullable(),
    providerId: id,
    size: z.string(),
    parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    payers: z
      .array(
        z.object({
          payer: z.object({ kind: z.enum(payerKinds), id }),
          wouldReserve: resources,
          limits: limits.openapi({ description: '`null`: no limit' }),
          held: resources,
          left: limits.openapi({ description: 'Before this session; `null`: no limit' }),
        }),
      )
      .openapi({ description: 'Everybody whose quota it would count against' }),
    maintenance: maintenanceOrNull,
    expectedWaitSeconds: z.int().nullable().openapi({ description: '0: it would begin at once; `null`: unknown' }),
  })
  .openapi('SessionPreview')

export interface Preview {
  readonly plan: Plan
  readonly books: readonly Books[]
  readonly admission: Admission
  readonly maintenance: Maintenance | null
  /** What stands in the way whatever the quotas say. */
  readonly refusal: (typeof refusals)[number] | null
  readonly expectedWaitSeconds: number | null
}

export const presentPreview = (preview: Preview): z.infer<typeof PreviewDocument> => {
  const { plan, books, admission, maintenance, refusal, expectedWaitSeconds } = preview
  return {
    admitted: refusal === null && admission.kind === 'admitted',
    code: refusal ?? (admission.kind === 'refused' ? admission.code : null),
    violations: admission.kind === 'refused' ? admission.violations.map((v) => ({ ...v, payer: { ...v.payer } })) : [],
    template: { id: plan.template.id, version: plan.template.version, name: plan.template.name },
    projectId: plan.projectId,
    experimentId: plan.experiment?.id ?? null,
    providerId: plan.providerId,
    size: plan.size,
    parameters: { ...plan.parameters },
    payers: books.map(({ payer, limits: effective, held }) => ({
      payer: { ...payer },
      wouldReserve: plan.resources,
      limits: effective,
      held,
      left: remaining(effective, held),
    })),
    maintenance: presentMaintenance(maintenance),
    expectedWaitSeconds,
  }
}
