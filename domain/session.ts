import type { SessionId } from './ids.ts'
import type { Reason, SessionState } from './lifecycle.ts'
import type { PauseWish, ResumesBy } from './pausing.ts'

/** The session as a workflow means it: a generation that has passed writes nothing any more. */
export interface SessionKey {
  readonly sessionId: SessionId
  readonly generation: number
}

/** What a session's workflow sees when it looks: state, wishes, suspicion, and how long nothing is due. */
export interface Look {
  readonly state: SessionState
  readonly generation: number
  readonly providerId: string
  readonly projectId: string
  /** Why it is to end, once somebody wants that. */
  readonly stop: Reason | null
  /** In how many ms the deadline of the present state is due, outages not counted; ≤ 0 is now, `null` never. */
  readonly dueInMs: number | null
  /** The backend's list says that the instance is not as the state says: worth an inspection. */
  readonly suspect: boolean
  /** Of a queued session: in how many ms it is worth asking for its place; `null`: not before somebody wakes it. */
  readonly retryInMs: number | null
  /**
   * How its doors stand at a gateway outside; absent where none was ever opened there. `due`: somebody waits to be let in, or
   * must not be any more. `over`: of this generation they never open again, and are to be closed for good where that is due.
   */
  readonly outside?: { readonly due: boolean; readonly over?: boolean }
  /** What was asked about its resting; absent as long as nobody ever asked. */
  readonly pause?: PauseLook
  /** An operator gives it up: it ends although nobody knows whether anything is left. */
  readonly abandon: boolean
}

/** How a session stands to being paused and resumed, of which there is one wish at a time. */
export interface PauseLook {
  /** Which wish this is, counted from 1: what is done about one never serves another. */
  readonly number: number
  /** `null`: it is settled. */
  readonly wish: PauseWish | null
  readonly resumesBy: ResumesBy
  /** This resume has its own generation already. */
  readonly remade: boolean
  /** The generation whose remains the present one takes over; `null`: there is nothing to take. */
  readonly continues: number | null
}
