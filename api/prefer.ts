const usualSeconds = 2
const longestSeconds = 60

export interface Preference {
  readonly waitMs: number
  /** What `Preference-Applied` says; `null`: nothing was asked that applies here. */
  readonly applied: string | null
}

/** How long the caller would wait for a decision: `Prefer: wait=N` or `respond-async` (RFC 7240). */
export function preferenceOf(header: string | undefined): Preference {
  const asked = (header ?? '').split(',').map((part) => part.split(';')[0]?.trim().toLowerCase() ?? '')
  const wait = asked.map((part) => /^wait\s*=\s*"?(\d{1,6})"?$/.exec(part)?.[1]).find((found) => found !== undefined)
  if (wait !== undefined) {
    const seconds = Math.min(Number(wait), longestSeconds)
    return { waitMs: seconds * 1_000, applied: `wait=${seconds}` }
  }
  if (asked.includes('respond-async')) return { waitMs: 0, applied: 'respond-async' }
  return { waitMs: usualSeconds * 1_000, applied: null }
}
