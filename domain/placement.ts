import type { ProviderId } from './ids.ts'
import type { TemplateSpec } from './template.ts'

/** A provider as far as placement cares. `load`: sessions there that have not ended. */
export interface Candidate {
  readonly id: ProviderId
  readonly kind: string
  readonly open: boolean
  readonly healthy: boolean
  readonly load: number
}

/**
 * Where a session of the template is to run: the provider it names, or of its kind a healthy one before an unhealthy one,
 * then the least loaded, then by id. `null`: none that is in service. An unhealthy one may be chosen: the session waits there.
 */
export function choosePlacement(wanted: TemplateSpec['provider'], candidates: readonly Candidate[]): ProviderId | null {
  const fitting = candidates.filter((c) => c.open && ('id' in wanted ? c.id === wanted.id : c.kind === wanted.kind))
  const [first] = [...fitting].sort(
    (a, b) => Number(b.healthy) - Number(a.healthy) || a.load - b.load || (a.id < b.id ? -1 : 1),
  )
  return first?.id ?? null
}
