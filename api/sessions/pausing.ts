import type { Db } from '../../db/connect.ts'
import { holdMaintenance } from '../../db/maintenance.ts'
import { requestPause } from '../../db/pause-wishes.ts'
import type { PauseAsked } from '../../db/pause-wishes.ts'
import type { SessionView } from '../../db/session-view.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { PauseWish, ResumeRefusal } from '../../domain/pausing.ts'
import { change } from '../changes.ts'
import type { Deed } from '../env.ts'
import { underMaintenance } from '../maintenance/refusal.ts'
import { notFound, Problem } from '../problem.ts'

/**
 * Records that a session is to rest, or to go on. What is so already, or on its way, changes nothing. Throws why it may not be asked
 * now; nobody goes on during maintenance.
 */
export async function askPause(db: Db, deed: Deed, id: SessionId, wish: PauseWish): Promise<void> {
  await change(db, deed, { kind: 'session', id }, async (trx) => {
    const maintenance = wish === 'resume' ? await holdMaintenance(trx) : null
    const asked = await requestPause(trx, id, wish)
    const refusal = refusalOf(asked)
    if (refusal !== null) throw refusal
    if (asked.kind === 'requested' && maintenance !== null) throw underMaintenance(maintenance, new Date())
  })
}

function refusalOf(asked: PauseAsked): Problem | null {
  switch (asked.kind) {
    case 'requested':
    case 'already':
      return null
    case 'absent':
      return notFound('session')
    case 'unsupported':
      return new Problem('pause_unsupported', 'Where it runs, sessions cannot be paused.')
    case 'ended':
      return new Problem('conflict', 'The session has ended, or is to end.')
    case 'not_ready':
      return new Problem('not_ready', `The session is ${asked.state}. It can be paused when it is ready.`)
    case 'not_paused':
      return new Problem('not_paused', `The session is ${asked.state}. It can be resumed when it is paused.`)
    default:
      return asked satisfies never
  }
}

/** What came of the wish where it is settled and did not come true: a problem, as its session stands. */
export function failureOf(wish: PauseWish, { state, pauseWish, resumeRefusal }: SessionView): Problem | null {
  if (pauseWish !== null) return null
  if (wish === 'pause')
    return state === 'ready' ? new Problem('pause_failed', 'Its provider could not pause it. It runs on.') : null
  return state === 'paused' && resumeRefusal !== null ? refused(resumeRefusal) : null
}

function refused(refusal: ResumeRefusal): Problem {
  if (refusal.code === 'resume_failed')
    return new Problem('resume_failed', 'It could not be resumed, and is still paused. Try again, or ask an operator.')
  const { code, violations } = refusal
  const detail =
    code === 'exceeds_limit'
      ? 'It needs more than a limit allows at any time. It is still paused.'
      : 'A quota is used up. It is still paused: stop something else first, or ask for more.'
  return new Problem(code, detail, { violations })
}
