import type { Violation } from './admission.ts'
import { isEnd } from './lifecycle.ts'
import type { FailReason, SessionState } from './lifecycle.ts'

/** What somebody wants of a session that is to rest, or to go on. */
export const pauseWishes = ['pause', 'resume'] as const
export type PauseWish = (typeof pauseWishes)[number]

/**
 * How what was paused comes back. `wakes`: the instance stayed, and runs again. `remakes`: it went, and another one is made on
 * what it stored.
 */
export type ResumesBy = 'wakes' | 'remakes'

/** Why a session that was to go on is still paused. */
export type ResumeRefusal =
  | { readonly code: 'exceeds_limit' | 'quota_exceeded'; readonly violations: readonly Violation[] }
  /** Its provider could not, or not in time. */
  | { readonly code: 'resume_failed'; readonly reason: FailReason }

/** What decides whether a session may be asked to rest, or to go on. */
export interface PauseFacts {
  readonly state: SessionState
  readonly stopRequested: boolean
  /** What was asked and is not settled. */
  readonly wish: PauseWish | null
  /** Whether its provider says that it can pause. */
  readonly pausable: boolean
}

export type PauseVerdict =
  | 'record'
  /** It is so, or on its way there. */
  | 'already'
  | 'unsupported'
  /** It has ended, or is to end. */
  | 'ended'
  /** There is nothing to pause yet, or not just now. */
  | 'not_ready'
  /** There is nothing to resume, or not yet. */
  | 'not_paused'

/** What becomes of the asking. A wish is settled before the opposite one is taken. */
export function judgePause(asked: PauseWish, facts: PauseFacts): PauseVerdict {
  if (isEnd(facts.state) || facts.stopRequested || facts.state === 'stopping') return 'ended'
  return asked === 'pause' ? judgePausing(facts) : judgeResuming(facts)
}

function judgePausing({ state, wish, pausable }: PauseFacts): PauseVerdict {
  if (wish === 'pause') return 'already'
  if (state === 'paused' && wish === null) return 'already'
  if (!pausable) return 'unsupported'
  return state === 'ready' && wish === null ? 'record' : 'not_ready'
}

function judgeResuming({ state, wish }: PauseFacts): PauseVerdict {
  if (wish === 'resume') return 'already'
  if (state === 'ready' && wish === null) return 'already'
  return state === 'paused' && wish === null ? 'record' : 'not_paused'
}

/** What may be asked of a session as it is, by whoever has the right. */
export const sessionActions = ['pause', 'resume', 'stop'] as const
export type SessionAction = (typeof sessionActions)[number]

export const actionsOf = (facts: PauseFacts): SessionAction[] =>
  sessionActions.filter((action) =>
    action === 'stop'
      ? !isEnd(facts.state) && !facts.stopRequested && facts.state !== 'stopping'
      : judgePause(action, facts) === 'record',
  )
