import type { Db } from '../../db/connect.ts'
import { requestAbandon, requestRetry } from '../../db/operations.ts'
import type { AbandonOutcome } from '../../db/operations.ts'
import type { SessionView } from '../../db/session-view.ts'
import type { SessionId } from '../../domain/ids.ts'
import { isEnd } from '../../domain/lifecycle.ts'
import { change } from '../changes.ts'
import type { Deed } from '../env.ts'
import { notFound, Problem } from '../problem.ts'
import { readSession } from './commands.ts'

const hasEnded = () => new Problem('conflict', 'The session has ended.')

/** Has whatever the session waits for tried now. Throws 409 where it has ended. */
export async function retrySession(db: Db, deed: Deed, id: SessionId): Promise<SessionView> {
  await change(db, deed, { kind: 'session', id }, async (trx) => {
    const outcome = await requestRetry(trx, id)
    if (outcome === 'absent') throw notFound('session')
    if (outcome === 'ended') throw hasEnded()
  })
  return await readSession(db, id)
}

/** Records that an operator gives up on the session's cleanup. Throws 409 where there is nothing to give up on. Repeats change nothing. */
export async function abandonSession(db: Db, deed: Deed, id: SessionId, force: boolean): Promise<SessionView> {
  await change(db, deed, { kind: 'session', id }, async (trx) => {
    const refusal = refusalOf(await requestAbandon(trx, id, { force }))
    if (refusal !== null) throw refusal
  })
  return await readSession(db, id)
}

function refusalOf(outcome: AbandonOutcome): Problem | null {
  switch (outcome.kind) {
    case 'requested':
    case 'already':
      return null
    case 'absent':
      return notFound('session')
    case 'not_stopping':
      return isEnd(outcome.state)
        ? hasEnded()
        : new Problem('conflict', `The session is ${outcome.state}. Stop it first: only a cleanup can be given up on.`)
    case 'not_overdue':
      return new Problem('conflict', 'Its cleanup is not overdue. Wait, or give it up all the same with `force`.')
    default:
      return outcome satisfies never
  }
}
