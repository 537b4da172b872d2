/** Every limit, timeout and interval of a session's run, in ms. Resolved once, by the starter, and passed in the workflow's input. */
export interface Timings {
  /** Served time in `requested` after which it fails; that it is overdue shows in the metrics much earlier. */
  readonly decisionLimitMs: number
  /** A queued session asks for its own dispatch this often. */
  readonly dispatchEveryMs: number
  readonly pauseLimitMs: number
  /** Served time in `stopping` after which `cleanup_overdue` is raised. */
  readonly cleanupOverdueMs: number
  /** How long a worker may hold a workflow before another one, should it have died, takes it over. */
  readonly workflowTaskMs: number
  readonly databaseTimeoutMs: number
  readonly databaseRetryMs: number
  readonly databaseRetryMaxMs: number
  readonly createTimeoutMs: number
  /** How long a create waits for the instance to answer, before that is left to an activity of its own; 0: not at all. */
  readonly answerSoonMs: number
  /** One try of awaiting readiness; the state's own limit ends the tries. */
  readonly readyTimeoutMs: number
  /** A session that is ready for so long goes on in a new run, whose history is short; 0: at once. Runs that began without it: at once. */
  readonly renewAfterMs: number
  readonly removeTimeoutMs: number
  readonly inspectTimeoutMs: number
  readonly heartbeatMs: number
  /** One try at the gateway outside; and how long an instance waits for its doors there to be closed before it is removed. */
  readonly accessTimeoutMs: number
  readonly closeDoorsFirstMs: number
  /** Between two looks at who may still use doors outside, two lists of what is open there, and two sweeps of what is left. */
  readonly watchDoorsMs: number
  readonly listDoorsMs: number
  readonly sweepDoorsMs: number
  /** Between two tries of a provider call that failed. */
  readonly providerRetryMs: number
  readonly providerRetryMaxMs: number
  /** One observing activity runs this long before its workflow starts the next. */
  readonly observeRunMs: number
  /** Between two lists of a provider: while something begins there, and else. */
  readonly observeBusyMs: number
  readonly observeIdleMs: number
  /** How long the breaker of a provider stays open after the first failure, doubling up to the maximum. */
  readonly breakerMs: number
  readonly breakerMaxMs: number
  /** Between two scheduled reconciliations of a provider, and how long one may take. */
  readonly reconcileEveryMs: number
  readonly reconcileRunMs: number
  /** What differs is acted on when it has differed for so long, in at least two surveys. */
  readonly reconcileGraceMs: number
  /** How long one try to send a mail may last: before that is over, no other begins. */
  readonly mailTryMs: number
  /** Before the second try to send a mail, doubling up to the maximum; and how long it is tried at all. */
  readonly mailRetryMs: number
  readonly mailRetryMaxMs: number
  readonly mailLimitMs: number
  /** An invitation's workflow looks at least so often whether it still stands. */
  readonly checkInvitationMs: number
  /** Between two looks for sessions and records whose time is over, and between two rounds of retention. */
  readonly expireEveryMs: number
  readonly retentionEveryMs: number
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

export const defaultTimings: Timings = {
  decisionLimitMs: 24 * hour,
  dispatchEveryMs: 5 * minute,
  pauseLimitMs: 10 * minute,
  cleanupOverdueMs: 30 * minute,
  workflowTaskMs: 10 * second,
  databaseTimeoutMs: 5 * second,
  databaseRetryMs: 200,
  databaseRetryMaxMs: 10 * second,
  createTimeoutMs: 10 * minute,
  answerSoonMs: 1 * minute,
  readyTimeoutMs: 1 * hour,
  renewAfterMs: 1 * hour,
  removeTimeoutMs: 2 * minute,
  inspectTimeoutMs: 30 * second,
  heartbeatMs: 15 * second,
  accessTimeoutMs: 1 * minute,
  closeDoorsFirstMs: 30 * second,
  watchDoorsMs: 2 * second,
  listDoorsMs: 10 * second,
  sweepDoorsMs: 1 * minute,
  providerRetryMs: 1 * second,
  providerRetryMaxMs: 1 * minute,
  observeRunMs: 10 * minute,
  observeBusyMs: 500,
  observeIdleMs: 5 * second,
  breakerMs: 5 * second,
  breakerMaxMs: 5 * minute,
  reconcileEveryMs: 5 * minute,
  reconcileRunMs: 15 * minute,
  reconcileGraceMs: 4 * minute,
  mailTryMs: 2 * minute,
  mailRetryMs: 30 * second,
  mailRetryMaxMs: 30 * minute,
  mailLimitMs: 72 * hour,
  checkInvitationMs: 15 * minute,
  expireEveryMs: 5 * minute,
  retentionEveryMs: 1 * hour,
}

/**
 * The longest that a run of a reconciliation may be allowed. One that has begun longer ago is taken for dead and closed, also
 * where nobody reconciles its provider any more.
 */
export const longestReconcileRunMs = 1 * hour

/** The defaults with some replaced. Throws the names that are no timings, and what is longer than the rest can stand. */
export function withTimings(overrides: Readonly<Record<string, number>>): Timings {
  const unknown = Object.keys(overrides).filter((name) => !Object.hasOwn(defaultTimings, name))
  if (unknown.length > 0) throw new RangeError(`There are no timings named ${unknown.join(', ')}.`)
  const timings = { ...defaultTimings, ...overrides }
  if (timings.reconcileRunMs > longestReconcileRunMs)
    throw new RangeError(`The timing reconcileRunMs is at most ${longestReconcileRunMs}.`)
  return timings
}
