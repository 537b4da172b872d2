/** A session that is admitted and waits for its provider to begin. `queuedAt` in ms since the epoch. */
export interface Waiting {
  readonly sessionId: string
  readonly accountId: string
  readonly queuedAt: number
}

/**
 * The order in which waiting sessions begin: accounts in turn, the oldest first within one. An account that already
 * has sessions beginning (`beginning`: account → how many are in `provisioning`) takes its turn after those that have fewer.
 */
export function dispatchOrder(waiting: readonly Waiting[], beginning: ReadonlyMap<string, number>): Waiting[] {
  const oldestFirst = [...waiting].sort(byAge)
  const turns = new Map<string, number>(beginning)
  const withTurn = oldestFirst.map((session) => {
    const turn = turns.get(session.accountId) ?? 0
    turns.set(session.accountId, turn + 1)
    return { session, turn }
  })
  return withTurn.sort((a, b) => a.turn - b.turn || byAge(a.session, b.session)).map(({ session }) => session)
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
  if (gate.breaker === 'closed') return { count: Math.max(0, gate.startLimit - gate.provisioning), probe: false }
  const due = gate.retryAt === null || gate.retryAt <= gate.now
  return due ? { count: 1, probe: true } : { count: 0, probe: false }
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
