import { z } from '@hono/zod-openapi'
import type { Maintenance } from '../../db/maintenance.ts'
import { iso, isoOrNull, line, moment, nullableTime, reason, time } from '../fields.ts'

export const MaintenancePut = z
  .strictObject({
    text: line(500).openapi({ description: 'What users are told', example: 'The storage is being moved.' }),
    until: moment
      .nullable()
      .default(null)
      .openapi({ type: ['string', 'null'], format: 'date-time', description: 'What users are told; it ends nothing' }),
    reason,
  })
  .openapi('MaintenancePut')

/** Maintenance as everybody sees it. */
export const maintenanceOrNull = z
  .object({ since: time, until: nullableTime, text: z.string() })
  .nullable()
  .openapi({ description: '`null`: there is none, sessions are admitted' })

export const MaintenanceDocument = z.object({ maintenance: maintenanceOrNull }).openapi('Maintenance')

export const presentMaintenance = (maintenance: Maintenance | null): z.infer<typeof maintenanceOrNull> =>
  maintenance === null
    ? null
    : { since: iso(maintenance.since), until: isoOrNull(maintenance.until), text: maintenance.text }
