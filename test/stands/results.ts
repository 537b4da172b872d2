import { z } from 'zod'

/** What became of one case on one backend. */
export interface CaseResult {
  readonly backend: string
  readonly name: string
  readonly result: 'passed' | 'failed' | 'skipped'
  readonly seconds: number
  /** The driver says that it cannot, and was held to that. */
  readonly untried: boolean
}

const report = z.object({
  testResults: z.array(
    z.object({
      assertionResults: z.array(
        z.object({
          ancestorTitles: z.array(z.string()),
          title: z.string(),
          status: z.string(),
          duration: z.number().nullish(),
          meta: z.object({ untried: z.boolean().optional() }).nullish(),
        }),
      ),
    }),
  ),
})

/** Words that say which backend a suite runs on: they are the same in every row of a column. */
const suites = [/^\S+ keeps the promises of a compute provider$/, /^(sessions|an installation alone) on \S+$/]

/** The cases of a run, as vitest's JSON report tells them; none where it is no report. */
export function resultsOf(backend: string, text: string | undefined): readonly CaseResult[] {
  const parsed = report.safeParse(jsonOf(text))
  if (!parsed.success) return []
  return parsed.data.testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status, duration, meta }) => ({
      backend,
      name: [...ancestorTitles.filter((one) => !suites.some((suite) => suite.test(one))), title]
        .join(': ')
        .replaceAll('|', '/'),
      result: status === 'passed' || status === 'failed' ? status : 'skipped',
      seconds: (duration ?? 0) / 1_000,
      untried: meta?.untried ?? /^(WITHOUT|CANNOT) /.test(title),
    })),
  )
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return null
  }
}
