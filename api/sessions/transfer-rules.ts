import { hasSessionOutside } from '../../db/transfer-facts.ts'
import type { OutsideAsk } from '../../db/transfer-facts.ts'
import type { TransferRules } from '../../db/transfers.ts'
import { defaultAccessRule } from '../../domain/experiment.ts'
import type { AccountId } from '../../domain/ids.ts'
import type { Services } from '../deps.ts'
import { Problem } from '../problem.ts'

/**
 * What decides, beside the books, whether an account may be given these sessions. Asks the user office where one of them belongs to no
 * experiment: not for inside a transaction. One that comes to be meanwhile is not given. Throws 503 where nobody can say.
 */
export async function transferRulesFor(
  { db, settings, userOffice }: Pick<Services, 'db' | 'settings' | 'userOffice'>,
  heirId: AccountId,
  sessions: OutsideAsk,
): Promise<TransferRules> {
  const access = settings.access ?? defaultAccessRule
  const right = userOffice?.ownResources ?? null
  if (right === null) return { access, outside: true }
  if (!(await hasSessionOutside(db, sessions))) return { access, outside: false }
  const standing = await right.of(db, heirId)
  if (standing === 'unavailable')
    throw new Problem(
      'user_office_unavailable',
      'The user office does not answer, and so nobody can say whether that account may have sessions outside an experiment. Nothing has changed.',
    )
  return { access, outside: standing === 'authorized' }
}
