import type { Metrics } from '../../platform/metrics.ts'
import type { Issuer } from './issuers.ts'

/** Counts how sign-ins end, by issuer: what nobody answers, or answers wrongly, is seen here first. */
export type CountSignIn = (issuer: string, outcome: string) => void

/** What an issuer, or what the configuration says of it, is to blame for. */
const faults = ['provider_unavailable', 'provider_answer_invalid']

export function createSignInCount(metrics: Metrics, issuers: readonly Issuer[]): CountSignIn {
  const counter = metrics.counter('sign_ins_total', 'How sign-ins ended', ['issuer', 'outcome'])
  // What never happened is told as 0, or its first time would be no increase.
  for (const { id } of issuers) for (const outcome of faults) counter.inc({ issuer: id, outcome }, 0)
  return (issuer, outcome) => counter.inc({ issuer, outcome })
}
