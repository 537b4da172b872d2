/** Keeps from trying the service account's password again; shared by all processes where its caller keeps it outside. */
export interface LoginBreaker {
  /** Until when no login is to be tried, epoch ms; in the past, or 0: it may be. */
  blockedUntil(): Promise<number>
  block(until: number): Promise<void>
}

/** For one process. */
export function createMemoryBreaker(): LoginBreaker {
  let blocked = 0
  return {
    blockedUntil: () => Promise.resolve(blocked),
    block: (until) => Promise.resolve(void (blocked = Math.max(blocked, until))),
  }
}
