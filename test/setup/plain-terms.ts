import type { InstanceSpec } from '../../ports/compute/provider.ts'

/** What a spec says that asks nothing in a backend's own terms. */
export const plainTerms: Pick<InstanceSpec, 'size' | 'terms' | 'lifetimeSeconds' | 'report'> = {
  size: 'small',
  terms: {},
  lifetimeSeconds: 3_600,
  report: null,
}
