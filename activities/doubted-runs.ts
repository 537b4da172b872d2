import type { SessionId } from '../domain/ids.ts'
import { isEnd } from '../domain/lifecycle.ts'
import type { Known } from '../domain/reconciliation.ts'
import type { Runs } from '../domain/runs.ts'
import type { KnownRow } from '../db/survey.ts'

/** How long Temporal is asked about runs in one survey, and how many questions are under way at once. */
const budgetMs = 20_000
const atOnce = 16

/**
 * Says of each session whether something runs for it, and which runs no row knows of. The list of open runs is a hint that lags
 * behind: what agrees with the row is taken from it, what does not is asked of Temporal itself, in any order.
 * What there was no time to ask is unknown until another time.
 */
export async function askAboutRuns(
  runs: Runs,
  rows: readonly KnownRow[],
  open: readonly SessionId[],
): Promise<{ readonly known: readonly Known[]; readonly unknownWorkflows: readonly string[] }> {
  const listed = new Set<string>(open)
  const rowed = new Set<string>(rows.map((row) => row.sessionId))
  const rowless = open.filter((id) => !rowed.has(id))
  const doubted = rows.filter((row) => isEnd(row.state) === listed.has(row.sessionId) && isWorthAsking(row))
  const answers = await askAll(runs, [...rowless, ...shuffled(doubted.map((row) => row.sessionId))])
  return {
    known: rows.map((row): Known => {
      const plain = listed.has(row.sessionId) ? 'running' : 'none'
      const isDoubted = isEnd(row.state) === listed.has(row.sessionId)
      return { ...row, workflow: isDoubted ? (answers.get(row.sessionId) ?? 'unknown') : plain }
    }),
    unknownWorkflows: rowless.filter((id) => answers.get(id) === 'running'),
  }
}

/** A session that no run has ever looked at is the starter's to bring. */
const isWorthAsking = (row: KnownRow): boolean => row.seenByWorkflow || isEnd(row.state)

async function askAll(runs: Runs, ids: readonly SessionId[]): Promise<ReadonlyMap<string, 'running' | 'none'>> {
  const answers = new Map<string, 'running' | 'none'>()
  const until = Date.now() + budgetMs
  const waiting = [...ids]
  const asker = async () => {
    for (let id = waiting.shift(); id !== undefined && Date.now() < until; id = waiting.shift()) {
      const answer = await runs.standing(id).catch(() => null)
      if (answer !== null) answers.set(id, answer)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, ids.length) }, asker))
  return answers
}

/** More than there is time to ask about must not be the same ones left out each time. */
const shuffled = <T>(things: readonly T[]): T[] =>
  things
    .map((thing) => ({ thing, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ thing }) => thing)
