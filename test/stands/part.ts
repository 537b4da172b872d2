import { cells, figureColumns } from '../bench/figures.ts'
import type { Part, Table } from '../bench/figures.ts'
import type { StandFigure } from './figures.ts'
import type { CaseResult } from './results.ts'

export const partId = 's'
export const titles = {
  runs: 'which ran',
  cases: 'backend × case: seconds',
  without: 'what was not tried, as the suite says itself',
  figures: 'measured beside',
} as const

/** One run of everything on one backend. */
export interface StandRun {
  readonly backend: string
  /** `2026-11-22, commit abc1234, load 0.20`. */
  readonly when: string
  readonly cases: readonly CaseResult[]
  readonly figures: readonly StandFigure[]
  readonly seconds: number
}

/** What stands in the document: each table with its head, or nothing. */
export type Present = Readonly<Record<keyof typeof titles, readonly (readonly string[])[]>>

/** The document's section: what ran now, and of the backends that did not run now what stood there. */
export function standPart(runs: readonly StandRun[], present: Present): Part {
  return {
    id: partId,
    title: 'Real backends: one suite on each',
    how: [
      'The conformance suite of compute providers, and whole sessions on an installation of its own, on each real backend that was there. A cell says how many seconds the case took; what failed says so; a dash: not tried on it.',
      'Raw: the same made by a few calls of the backend’s own API, in turn with Carrel and as many at once. Carrel: from the POST to `ready`, and from the DELETE to `stopped`, which it says when the backend has confirmed that nothing is left; with the timings that it ships with.',
    ],
    goals: [],
    tables: [
      merged(titles.runs, runsTable(runs), present.runs, runs),
      matrix(runs, present.cases),
      merged(titles.without, withoutTable(runs), present.without, runs),
      merged(titles.figures, figuresTable(runs), present.figures, runs),
    ],
  }
}

const runsTable = (runs: readonly StandRun[]) => ({
  columns: ['backend', 'when', 'passed', 'failed', 'not tried', 'seconds'],
  rows: runs.map(({ backend, when, cases, seconds }) => {
    const tried = cases.filter(({ untried }) => !untried)
    const count = (result: CaseResult['result']) => String(tried.filter((one) => one.result === result).length)
    return [
      backend,
      when,
      count('passed'),
      count('failed'),
      String(cases.length - tried.length),
      String(Math.round(seconds)),
    ]
  }),
})

const withoutTable = (runs: readonly StandRun[]) => ({
  columns: ['backend', 'what'],
  rows: runs.flatMap(({ backend, cases }) => cases.filter(({ untried }) => untried).map(({ name }) => [backend, name])),
})

const figuresTable = (runs: readonly StandRun[]) => ({
  columns: ['backend', 'what', ...figureColumns],
  rows: runs.flatMap(({ backend, figures }) => figures.map(({ what, took }) => [backend, what, ...cells(took)])),
})

/** Rows of what ran now, and those of other backends that stood there; by backend, which is the first column. */
function merged(
  title: string,
  { columns, rows }: Pick<Table, 'columns' | 'rows'>,
  [, ...before]: readonly (readonly string[])[],
  runs: readonly StandRun[],
): Table {
  const now = new Set(runs.map(({ backend }) => backend))
  const kept = before.filter(([backend = '']) => !now.has(backend))
  return { title, columns, rows: [...kept, ...rows].toSorted(([a = ''], [b = '']) => a.localeCompare(b)) }
}

const cellOf = ({ result, seconds }: CaseResult): string =>
  result === 'passed' ? seconds.toFixed(1) : result === 'failed' ? `**failed** (${seconds.toFixed(1)})` : 'skipped'

function matrix(runs: readonly StandRun[], [head = [], ...before]: readonly (readonly string[])[]): Table {
  const now = new Set(runs.map(({ backend }) => backend))
  const table = new Map<string, Map<string, string>>()
  const put = (name: string, backend: string, cell: string) =>
    void table.set(name, (table.get(name) ?? new Map<string, string>()).set(backend, cell))
  for (const { backend, cases } of runs) for (const one of cases) if (!one.untried) put(one.name, backend, cellOf(one))
  for (const [name = '', ...row] of before)
    for (const [n, cell] of row.entries()) {
      const backend = head[n + 1] ?? ''
      if (!now.has(backend) && cell !== '–') put(name, backend, cell)
    }
  const backends = [...new Set([...head.slice(1), ...now])].toSorted()
  return {
    title: titles.cases,
    columns: ['case', ...backends],
    rows: [...table].map(([name, row]) => [name, ...backends.map((backend) => row.get(backend) ?? '–')]),
  }
}
