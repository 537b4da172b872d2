import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { childEnvironment, ownVariables } from '../../platform/config.ts'
import { repository } from '../../stack/places.ts'
import { outcomeOf, summary } from '../outcome.ts'
import { missing } from './length.ts'
import type { Part, PartName, ProofOutcome, ProofRun } from './part.ts'
import { nameOf } from './target.ts'
import type { ProofTarget } from './target.ts'
import { tellTarget } from './told-target.ts'

export interface VitestPart {
  readonly name: PartName
  readonly shows: string
  readonly project: 'unit' | 'db' | 'temporal' | 'docker' | 'e2e'
  /** Below the repository. */
  readonly files: readonly string[]
  /** What its sessions run on: the provider that the operator names, or what the tests bring, in words. */
  readonly runsOn: 'the provider' | { readonly brought: string }
  /** Why it shows nothing at a provider, which the report says; `null`: it does. */
  readonly leftOut?: (target: ProofTarget) => string | null
  /** How often they run where nobody names a number; for tests that have no length of their own. Once when left out. */
  readonly repeats?: number
}

const failures = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullable().default([]),
        }),
      ),
    }),
  ),
})
const told = z.object({
  cases: z.int().default(0),
  breaches: z.array(z.string()).default([]),
  missed: z.string().nullable().default(null),
  notes: z.array(z.string()).default([]),
})

/**
 * A part that is written as tests. They are told the length by `proofLength()` and tell their figures by `tell()`; a failed
 * test is a breach.
 */
export const vitestPart = (part: VitestPart): Part => ({
  name: part.name,
  shows: part.shows,
  on: (target) => (part.runsOn === 'the provider' ? nameOf(target) : part.runsOn.brought),
  async run(run) {
    const { repeats, leftOut = () => null } = part
    const why = leftOut(run.target)
    if (why !== null) return { cases: 0, breaches: [], notes: [`left out: ${why}`] }
    if (repeats === undefined) return await runFiles(part, run)
    return await repeated(run.rounds ?? repeats, run, async (left) => await runFiles(part, left))
  },
})

/** Again and again, as long as the time that is left is more than the last took. */
export async function repeated(
  times: number,
  run: ProofRun,
  once: (run: ProofRun) => Promise<ProofOutcome>,
): Promise<ProofOutcome> {
  const outcomes: ProofOutcome[] = []
  const until = Date.now() + run.durationMs
  let took = 0
  while (outcomes.length < times && !run.signal.aborted && Date.now() + took < until) {
    const began = Date.now()
    outcomes.push(await once({ ...run, durationMs: until - began }))
    took = Date.now() - began
  }
  return {
    cases: outcomes.reduce((sum, { cases }) => sum + cases, 0),
    breaches: outcomes.flatMap(({ breaches }) => breaches),
    missed: missedOf([
      run.rounds === undefined ? null : missing(outcomes.length, times, 'rounds'),
      ...outcomes.map(({ missed }) => missed ?? null),
    ]),
    notes: [`${outcomes.length} of ${times} rounds`, ...outcomes.flatMap(({ notes }) => notes)],
  }
}

const missedOf = (all: readonly (string | null)[]): string | null =>
  all.filter((missed) => missed !== null).join('; ') || null

async function runFiles(
  { project, files, runsOn }: Pick<VitestPart, 'project' | 'files' | 'runsOn'>,
  run: ProofRun,
): Promise<ProofOutcome> {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-prove-'))
  const report = join(directory, 'report.json')
  const figures = join(directory, 'figures.jsonl')
  try {
    const vitest = join(repository, 'node_modules/vitest/vitest.mjs')
    const args = [vitest, 'run', '--project', project, ...files, '--testTimeout', String(run.durationMs)]
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    const target = runsOn === 'the provider' ? await tellTarget(join(directory, 'target.json'), run.target) : {}
    const variables = { ...variablesOf(run, figures), ...target }
    const code = await runBounded([...args, ...reporters], variables, run)
    const text = await readFile(report, 'utf8').catch(() => undefined)
    const lines = await readFile(figures, 'utf8').catch(() => '')
    return outcome(text, code, lines, run.signal.aborted)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const variablesOf = ({ seed, durationMs, rounds, temporalCli }: ProofRun, figures: string) => ({
  ...ownVariables(),
  TEMPORAL_CLI_PATH: temporalCli,
  NO_COLOR: '1',
  CARREL_PROVE_SEED: String(seed),
  CARREL_PROVE_MS: String(durationMs),
  CARREL_PROVE_FIGURES: figures,
  ...(rounds === undefined ? {} : { CARREL_PROVE_RUNS: String(rounds) }),
})

/** A little longer than it was told to take: then it is killed. */
const graceMs = 120_000

async function runBounded(
  args: readonly string[],
  variables: Record<string, string>,
  run: ProofRun,
): Promise<number | null> {
  const child = spawn(process.execPath, args, {
    cwd: repository,
    env: childEnvironment(variables),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => run.say(`  ${line}`))
  let timeUp = false
  const killGroup = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL')
  }
  const limit = setTimeout(() => {
    timeUp = true
    killGroup()
  }, run.durationMs + graceMs)
  run.signal.addEventListener('abort', killGroup, { once: true })
  if (run.signal.aborted) killGroup()
  const code = await new Promise<number | null>((resolve) => {
    child.once('exit', resolve)
    child.once('error', () => resolve(1))
  })
  clearTimeout(limit)
  run.signal.removeEventListener('abort', killGroup)
  return timeUp ? null : code
}

function outcome(report: string | undefined, code: number | null, figures: string, aborted: boolean): ProofOutcome {
  if (aborted) return { cases: 0, breaches: [], notes: ['it was interrupted before it could tell anything'] }
  const counted = outcomeOf(report, code)
  const tellings = figures
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => told.parse(JSON.parse(line)))
  const failed = report === undefined ? [] : failuresOf(report)
  const unsaid = counted.failed > 0 && failed.length === 0 ? [unsaidFailure(code)] : []
  return {
    cases: tellings.reduce((sum, { cases }) => sum + cases, 0) || counted.passed + counted.failed,
    breaches: [...tellings.flatMap(({ breaches }) => breaches), ...failed, ...unsaid],
    missed: missedOf(tellings.map(({ missed }) => missed)),
    notes: [`tests: ${summary(counted)}`, ...tellings.flatMap(({ notes }) => notes)],
  }
}

const unsaidFailure = (code: number | null) =>
  code === null ? 'the time was up, and it was killed' : `the tests could not be run (exit code ${code})`

function failuresOf(report: string): string[] {
  const { testResults } = failures.parse(JSON.parse(report))
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    if (failed.length === 0) return message === '' ? [] : [`${name}: ${message.slice(0, 500)}`]
    return failed.map(({ fullName, failureMessages }) => `${fullName}: ${(failureMessages?.[0] ?? '').slice(0, 500)}`)
  })
}
