import type { Maintenance } from '../../db/maintenance.ts'
import { Problem } from '../problem.ts'

/** How soon to come back while nobody has said when it is over. */
const usualSeconds = 300

/** In how many seconds it is worth trying again. */
export function retryAfterSeconds({ until }: Pick<Maintenance, 'until'>, now: Date): number {
  const left = until === null ? 0 : Math.ceil((until.getTime() - now.getTime()) / 1_000)
  return left > 0 ? left : usualSeconds
}

/** What asking for a session answers during maintenance. */
export const underMaintenance = (maintenance: Maintenance, now: Date): Problem =>
  new Problem('maintenance', maintenance.text, {
    until: maintenance.until,
    headers: { 'retry-after': String(retryAfterSeconds(maintenance, now)) },
  })
