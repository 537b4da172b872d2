import type { AppContext } from '../env.ts'

/**
 * Writes when it is the caller's turn. How many there were today is counted under locks of the account, the address and the project:
 * a burst would hold all connections there. Throws 429.
 */
export const inTurn = async <T>({ var: { services, principal } }: AppContext, write: () => Promise<T>): Promise<T> =>
  await services.invitationTurns.take(principal.accountId, write)
