/** Where in an activity something happens to it; the middle two are around its calls of the backend. */
export type Place = 'before' | 'asking' | 'answered' | 'after'

/** An activity that has come to one of those places. */
export interface Visit {
  /** The session, or the provider, that its workflow looks after. */
  readonly subject: string
  readonly workflowId: string
  readonly activity: string
  readonly place: Place
  /** Around a call of the backend that is beside what the activity is for, and must not keep it from that. */
  readonly call?: 'usage'
  /** A local activity: its workflow hears of nothing before it is over. */
  readonly local: boolean
}

/** What becomes of it there. */
export type Answer =
  | 'go on'
  | 'fail'
  | 'fail for good'
  | 'run again'
  | 'run beside itself'
  /** It is not run at all: its workflow is told this. */
  | { readonly instead: unknown }

/** Who decides that; activities wait for the answer, some of them for ever. `beat`: says to the server that it lives. */
export interface Gate {
  arrive(visit: Visit, beat: () => void): Promise<Answer>
  /** It is over, however it ended. */
  left(visit: Omit<Visit, 'place'>): void
}
