import type { Db } from '../../db/connect.ts'
import { holdMaintenance } from '../../db/maintenance.ts'
import { requestPause } from '../../db/pause-wishes.ts'
import type { PauseAsked } from '../../db/pause-wishes.ts'
import type { SessionView } from '../../db/session-view.ts'
import type { SessionId } from '../../domain/ids.ts'
import type { SessionState } from '../../domain/lifecycle.ts'
import { judgePause } from '../../domain/pausing.ts'
import type { PauseWish, ResumeRefusal } from '../../domain/pausing.ts'
import { change } from '../changes.ts'
import type { Services } from '../deps.ts'
import type { Deed } from '../env.ts'
import { underMaintenance } from '../maintenance/refusal.ts'
import { notFound, Problem } from '../problem.ts'
import { codeOf } from '../user-office/own-resources.ts'
import type { OwnResourcesRight } from '../user-office/own-resources.ts'
import { readSession } from './commands.ts'

/**
 * Records that a session is to rest, or to go on. What is so already, or on its way, changes nothing. Throws why it may not be asked
 * now; nobody goes on during maintenance, nor outside an experiment without the user office's word.
 */
export async function askPause(
  { db, userOffice }: Pick<Services, 'db' | 'userOffice'>,
  deed: Deed,
  id: SessionId,
  wish: PauseWish,
): Promise<void> {
  const right = wish === 'resume' ? (userOffice?.ownResources ?? null) : null
  // Outside: asked before anything is held.
  const asksForNothing = right !== null && !(await expectAuthorized(db, right, id))
  await change(db, deed, { kind: 'session', id }, async (trx) => {
    const maintenance = wish === 'resume' ? await holdMaintenance(trx) : null
    const asked = await requestPause(trx, id, wish)
    const refusal = refusalOf(asked)
    if (refusal !== null) throw refusal
    if (asked.kind === 'requested' && asksForNothing) throw notPaused('pausing')
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
      return notPaused(asked.state)
    default:
      return asked satisfies never
  }
}

const notPaused = (state: SessionState): Problem =>
  new Problem('not_paused', `The session is ${state}. It can be resumed when it is paused.`)

/**
 * To go on is a start: outside an experiment its owner needs the user office's word. Throws 403, and 503 where nobody can say.
 * `false`: as it is, it cannot be resumed, and nobody was asked.
 */
async function expectAuthorized(db: Db, right: OwnResourcesRight, id: SessionId): Promise<boolean> {
  const { experimentId, ownerId, state, stopRequestedAt, pauseWish, pausable } = await readSession(db, id)
  if (experimentId !== null) return true
  const facts = { state, stopRequested: stopRequestedAt !== null, wish: pauseWish, pausable }
  if (judgePause('resume', facts) !== 'record') return false
  const code = codeOf(await right.of(db, ownerId))
  if (code !== null) throw new Problem(code, unauthorized[code])
  return true
}

const unauthorized = {
  not_authorized:
    'It belongs to no experiment, and the user office has not given its owner the right to such sessions. It is still paused.',
  user_office_unavailable:
    'The user office does not answer, and so nobody can say whether its owner may have sessions outside an experiment. It is still paused.',
} as const

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
