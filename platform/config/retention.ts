import { z } from 'zod'
import { defaultRetention } from '../../domain/retention.ts'
import type { Retention } from '../../domain/retention.ts'

const days = z.int({ error: 'must be a whole number of days, or null' }).min(1).max(36_500).nullable().optional()

/** How long what is kept, over the defaults; a session at least as long as what hangs on it. */
export const retention: z.ZodType<Retention> = z
  .strictObject({ eventDays: days, parameterDays: days, sessionDays: days, auditDays: days })
  .transform((named): Retention => ({
    eventDays: named.eventDays === undefined ? defaultRetention.eventDays : named.eventDays,
    parameterDays: named.parameterDays === undefined ? defaultRetention.parameterDays : named.parameterDays,
    sessionDays: named.sessionDays === undefined ? defaultRetention.sessionDays : named.sessionDays,
    auditDays: named.auditDays === undefined ? defaultRetention.auditDays : named.auditDays,
  }))
  .superRefine((rule, context) => {
    const shorter = (['eventDays', 'parameterDays'] as const).filter((name) => isShorter(rule.sessionDays, rule[name]))
    for (const name of shorter)
      context.addIssue({
        code: 'custom',
        path: ['sessionDays'],
        message: `must be at least ${name} (${defaultRetention[name]} unless it is set), or null: a session is kept as long as what hangs on it`,
      })
  })

const isShorter = (one: number | null, other: number | null): boolean => (one ?? Infinity) < (other ?? Infinity)
