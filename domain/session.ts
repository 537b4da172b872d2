import type { SessionId } from './ids.ts'
import type { Reason, SessionState } from './lifecycle.ts'

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
   * must not be any more.
   */
  readonly outside?: { readonly due: boolean }
  /** An operator gives it up: it ends although nobody knows whether anything is left. */
  readonly abandon: boolean
}
