import type { Executor } from '../../db/connect.ts'
import { mustAcceptTerms } from '../../db/terms.ts'
import type { AccountId } from '../../domain/ids.ts'
import { Problem } from '../problem.ts'

export const termsNotAccepted = (): Problem =>
  new Problem('terms_not_accepted', 'Read the current terms of use and accept them first: /v1/terms.')

/** Throws 403 where there are terms of use whose current version the account has not accepted. */
export async function expectTermsAccepted(executor: Executor, accountId: AccountId): Promise<void> {
  if (await mustAcceptTerms(executor, accountId)) throw termsNotAccepted()
}
