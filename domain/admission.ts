import { add, exceeding } from './resources.ts'
import type { Limits, ResourceName, Resources } from './resources.ts'

/** Who answers for a reservation. The order is the order in which their quota rows are locked. */
export const payerKinds = ['account', 'project', 'provider'] as const
export type PayerKind = (typeof payerKinds)[number]
export interface Payer {
  readonly kind: PayerKind
  readonly id: string
}

/** One payer's books at the moment of decision: its limits, and what it holds without the new request. */
export interface Books {
  readonly payer: Payer
  readonly limits: Limits
  readonly held: Resources
}

export interface Violation {
  readonly payer: Payer
  readonly resource: ResourceName
  readonly limit: number
  readonly used: number
  readonly requested: number
}

export type Admission =
  | { readonly kind: 'admitted' }
  | {
      readonly kind: 'refused'
      readonly code: 'exceeds_limit' | 'quota_exceeded'
      readonly violations: readonly Violation[]
    }

/**
 * Decides whether `ask` fits beside what every payer holds. The request itself counts: `held + ask <= limit`.
 * `exceeds_limit` means that it could never fit, however much were given back.
 */
export function admit(books: readonly Books[], ask: Resources): Admission {
  const never = books.flatMap((b) => violations(b, exceeding(b.limits, ask), ask))
  if (never.length > 0) return { kind: 'refused', code: 'exceeds_limit', violations: never }
  const now = books.flatMap((b) => violations(b, exceeding(b.limits, add(b.held, ask)), ask))
  return now.length > 0 ? { kind: 'refused', code: 'quota_exceeded', violations: now } : { kind: 'admitted' }
}

const violations = ({ payer, limits, held }: Books, resources: ResourceName[], ask: Resources): Violation[] =>
  resources.map((resource) => ({
    payer,
    resource,
    limit: limits[resource] ?? Number.POSITIVE_INFINITY,
    used: held[resource],
    requested: ask[resource],
  }))
