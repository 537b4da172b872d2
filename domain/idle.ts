const minute = 60_000

/** After how long without input a user is warned: at 80 % of the limit or 5 min before its end, whichever is later. ms. */
export const warnAfterMs = (limitMs: number): number => Math.max(Math.floor(limitMs * 0.8), limitMs - 5 * minute)

/** How a session stands to its limit of time without input; only time in which input would have been seen counts. */
export interface IdleFacts {
  readonly idleMs: number
  readonly limitMs: number
  /** In how many ms the stop is due that its user was warned of in this spell; ≤ 0: now. `null`: nobody was warned. */
  readonly stopInMs: number | null
}

export type IdleVerdict =
  | { readonly kind: 'wait' }
  /** `stopInMs`: when the stop comes at the earliest. Its user always has the time from the warning to the limit. */
  | { readonly kind: 'warn'; readonly stopInMs: number }
  | { readonly kind: 'stop' }

/** What is due. Nobody is stopped without having been warned, however seldom somebody looks. */
export function idleVerdict({ idleMs, limitMs, stopInMs }: IdleFacts): IdleVerdict {
  const noticeMs = limitMs - warnAfterMs(limitMs)
  if (stopInMs === null)
    return idleMs < warnAfterMs(limitMs)
      ? { kind: 'wait' }
      : { kind: 'warn', stopInMs: Math.max(limitMs - idleMs, noticeMs) }
  return idleMs >= limitMs && stopInMs <= 0 ? { kind: 'stop' } : { kind: 'wait' }
}
