/** What many measurements of one thing come to; the unit is that of the measurements. */
export interface Figures {
  readonly n: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Nearest-rank quantiles. Throws where nothing was measured. */
export function figuresOf(values: readonly number[]): Figures {
  if (values.length === 0) throw new RangeError('nothing was measured')
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

/** What was reached beside what was wanted. `met: null`: there is no goal, the figure is only to be known. */
export interface Goal {
  readonly what: string
  readonly goal: string
  readonly found: string
  readonly met: boolean | null
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** What a part of the bench found. `how` says what was measured and what it stands beside. */
export interface Part {
  readonly id: string
  readonly title: string
  readonly how: readonly string[]
  readonly goals: readonly Goal[]
  readonly tables: readonly Table[]
}

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`
export const perSecond = (value: number): string => `${value.toFixed(value < 1 ? 3 : value < 10 ? 1 : 0)}/s`
export const times = (value: number): string => `${value.toFixed(2)} ×`

/** The columns of `cells`. */
export const figureColumns = ['n', 'p50', 'p95', 'p99'] as const
export const cells = (values: readonly number[], show: (value: number) => string = ms): string[] => {
  const { n, p50, p95, p99 } = figuresOf(values)
  return [String(n), show(p50), show(p95), show(p99)]
}

export const atMost = (what: string, found: number, goal: number, show = times): Goal => ({
  what,
  goal: `≤ ${show(goal)}`,
  found: show(found),
  met: found <= goal,
})

export const atLeast = (what: string, found: number, goal: number, show = times): Goal => ({
  what,
  goal: `≥ ${show(goal)}`,
  found: show(found),
  met: found >= goal,
})

/** A figure without a goal. */
export const known = (what: string, found: string): Goal => ({ what, goal: '', found, met: null })

export const median = (values: readonly number[]): number => figuresOf(values).p50
