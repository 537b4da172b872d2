import { QuotaRowMissing } from '../../db/admission.ts'
import { requestStop } from '../../db/intents.ts'
import { transferSession } from '../../db/transfers.ts'
import type { Transferred } from '../../db/transfers.ts'
import { isOperator } from '../../domain/authorization.ts'
import type { Actor } from '../../domain/authorization.ts'
import type { AccountId, SessionId } from '../../domain/ids.ts'
import type { UnfitReason } from '../../domain/transfer.ts'
import { change } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed, Principal } from '../env.ts'
import { notFound, Problem } from '../problem.ts'
import type { Fault } from '../problem.ts'
import { transferRulesFor } from './transfer-rules.ts'

/** `stopped`: it could not go on under the new owner, and is to end. */
export type Given = 'transferred' | 'stopped'

/**
 * Gives a session to another account, or, where it cannot go on under that and `orStop` says so, has it end. Throws why not; then
 * nothing has changed.
 */
export async function giveSession(
  services: Pick<Services, 'db' | 'settings' | 'userOffice'>,
  deed: Deed,
  { actor, accountId: giver }: Pick<Principal, 'actor' | 'accountId'>,
  { id, accountId, orStop }: { readonly id: SessionId; readonly accountId: AccountId; readonly orStop: boolean },
): Promise<Given> {
  const rules = await transferRulesFor(services, accountId, { sessionId: id })
  const about = { ...deed, detail: { ...deed.detail, to: accountId, orStop } }
  try {
    return await change(services.db, about, { kind: 'session', id }, async (trx) => {
      const outcome = await transferSession(trx, id, accountId, rules)
      if (outcome.kind === 'unfit' && orStop) {
        await requestStop(trx, id, isOperator(actor) ? 'admin' : 'user')
        return 'stopped'
      }
      const refusal = refusalOf(outcome, { actor, giver })
      if (refusal !== null) throw refusal
      return 'transferred'
    })
  } catch (error) {
    if (error instanceof QuotaRowMissing) throw new Problem('conflict', 'Nobody can say what that account may hold.')
    throw error
  }
}

const sentences: Readonly<Record<UnfitReason, string>> = {
  posix: 'It runs as a user that the new owner is not.',
  experiment: 'The new owner may have no session in its experiment, or none more.',
  resources: 'It belongs to no experiment, and the user office has not given the new owner the right to such sessions.',
  mounts: 'It mounts what the new owner has no right to.',
  template: 'Its template is not one that the new owner may start.',
}

function refusalOf(outcome: Transferred, by: { readonly actor: Actor; readonly giver: AccountId }): Problem | null {
  switch (outcome.kind) {
    case 'transferred':
    case 'already':
      return null
    case 'absent':
      return notFound('session')
    case 'ended':
      return new Problem('conflict', 'The session has ended, or is to end.')
    case 'not_ready':
      return new Problem(
        'not_ready',
        `The session is ${outcome.state}. It can be given away when it is ready or paused.`,
      )
    case 'no_heir':
      // Whether there is such an account at all is told to nobody who does not know it.
      return new Problem('members_only', 'Only an owner or editor of its project can have this session.', {
        errors: [{ in: 'body', pointer: '/accountId', message: 'Expected an owner or editor of the project.' }],
      })
    case 'owes_terms':
      return new Problem('terms_not_accepted', 'That account has yet to accept the terms of use.')
    case 'unfit': {
      const errors = outcome.reasons.map((reason): Fault => ({
        in: 'body',
        pointer: '/accountId',
        message: sentences[reason],
      }))
      return new Problem('transfer_unfit', 'It cannot go on under that owner. With `orStop` it ends instead.', {
        errors,
      })
    }
    case 'refused': {
      // What another account holds, and may, is not for everybody who would give it something.
      const violations = outcome.violations.filter(
        ({ payer }) => payer.kind !== 'account' || payer.id === by.giver || isOperator(by.actor),
      )
      return new Problem(outcome.code, "It does not fit the new owner's quota. Nothing has changed.", { violations })
    }
    default:
      return outcome satisfies never
  }
}
