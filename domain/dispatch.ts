/** A session that is admitted and waits for its provider to begin. `queuedAt` in ms since the epoch. */
export interface Waiting {
  readonly sessionId: string
  readonly accountId: string
  readonly queuedAt: number
}

/** What an account has on the provider already: how many of its sessions begin now, and when one began last (ms). */
export interface AccountHistory {
  readonly beginning: number
  readonly lastBeganAt: number | null
}

/**
 * The order in which waiting sessions begin: accounts in turn, the oldest first within one. An account with fewer sessions
 * beginning goes first, then the one that was served least recently, then the one that waits longest.
 */
export function dispatchOrder<W extends Waiting>(
  waiting: readonly W[],
  history: ReadonlyMap<string, AccountHistory>,
): W[] {
  const taken = new Map<string, number>()
  const ranked = [...waiting].sort(byAge).map((session) => {
    const before = history.get(session.accountId)
    const earlier = taken.get(session.accountId) ?? 0
    taken.set(session.accountId, earlier + 1)
    return { session, turn: (before?.beginning ?? 0) + earlier, servedAt: before?.lastBeganAt ?? 0 }
  })
  return ranked
    .sort((a, b) => a.turn - b.turn || a.servedAt - b.servedAt || byAge(a.session, b.session))
    .map(({ session }) => session)
}

const byAge = (a: Waiting, b: Waiting) =>
  a.queuedAt - b.queuedAt || (a.sessionId < b.sessionId ? -1 : Number(a.sessionId > b.sessionId))

/** What the provider allows now. Times in ms since the epoch. */
export interface ProviderGate {
  readonly startLimit: number
  readonly provisioning: number
  readonly open: boolean
  readonly breaker: 'closed' | 'open' | 'probing'
  readonly retryAt: number | null
  readonly now: number
}

/** How many may begin now, and whether the one that does is the breaker's probe. */
export function slots(gate: ProviderGate): { readonly count: number; readonly probe: boolean } {
  if (!gate.open) return { count: 0, probe: false }
  const free = Math.max(0, gate.startLimit - gate.provisioning)
  if (gate.breaker === 'closed') return { count: free, probe: false }
  const due = gate.retryAt === null || gate.retryAt <= gate.now
  return due && free > 0 ? { count: 1, probe: true } : { count: 0, probe: false }
}

/**
 * In how many ms it is worth for a session that waits to ask for its place: at once where there is room, since whoever made it
 * may have gone without dispatching; with the breaker open, when it may be the next probe. `null`: time alone lets nobody begin,
 * because the provider is out of service or no slot is free; whoever changes that dispatches, or wakes those who wait.
 */
export function askInMs(gate: ProviderGate): number | null {
  if (slots({ ...gate, now: Number.POSITIVE_INFINITY }).count === 0) return null
  return gate.breaker === 'closed' ? 0 : Math.max(0, (gate.retryAt ?? gate.now) - gate.now)
}

/** How long the session at `position` (0 = next) waits, from the recent time between two beginnings. Unknown without history. */
export function expectedWaitSeconds(
  position: number,
  startLimit: number,
  recentStartSeconds: number | null,
): number | null {
  if (recentStartSeconds === null || startLimit < 1) return null
  return Math.round(Math.ceil((position + 1) / startLimit) * recentStartSeconds)
}
