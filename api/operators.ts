import type { AccountId } from '../domain/ids.ts'
import { isOperator } from '../domain/authorization.ts'
import type { AppContext } from './env.ts'
import { flag } from './fields.ts'
import { Problem } from './problem.ts'

/** In the query of lists that an operator may see whole. */
export const allQuery = { all: flag.openapi({ description: "Operators only: everybody's, not only your own" }) }

/** Whose things a list shows: the caller's, or everybody's (`null`) for an operator who asks for them, which is audited. */
export function viewerFor(c: AppContext, all: boolean): AccountId | null {
  const { actor, accountId } = c.var.principal
  if (!all) return accountId
  if (!isOperator(actor)) throw new Problem('forbidden', 'Only operators see what is not theirs.')
  c.set('othersRead', true)
  return null
}
