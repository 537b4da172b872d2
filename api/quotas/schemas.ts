import { z } from '@hono/zod-openapi'
import type { Quota } from '../../db/quotas.ts'
import { payerKinds } from '../../domain/admission.ts'
import { remaining } from '../../domain/resources.ts'
import { id, limits, resources } from '../fields.ts'

export const QuotaPut = z
  .strictObject({ limits: limits.openapi({ description: "`null`: the site's default" }) })
  .openapi('QuotaPut')

export const QuotaDocument = z
  .object({
    payer: z.object({ kind: z.enum(payerKinds), id }),
    limits: limits.openapi({ description: "What is set for this payer; `null`: the site's default" }),
    defaults: limits.openapi({ description: "The site's defaults; `null`: no limit" }),
    effective: limits.openapi({ description: 'What holds; `null`: no limit' }),
    held: resources,
    left: limits.openapi({ description: '`null`: no limit' }),
  })
  .openapi('Quota')

export const presentQuota = (quota: Quota): z.infer<typeof QuotaDocument> => ({
  payer: { ...quota.payer },
  limits: quota.limits,
  defaults: quota.defaults,
  effective: quota.effective,
  held: quota.held,
  left: remaining(quota.effective, quota.held),
})
