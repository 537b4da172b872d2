import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readConfig } from '../platform/config.ts'
import { dockerAnswers } from '../stack/docker.ts'
import { obtainTemporal } from '../stack/temporal-cli.ts'
import { runBounded } from './bounded-run.ts'
import { runMain, say, told } from './command.ts'
import { failuresOf, outcomeOf, passesOf, plus, summary, zero, type Failure } from './outcome.ts'
import { retelling } from './retelling.ts'
import { settled, worthAnotherRun, type Run } from './unsteady.ts'

const help = `npm test [-- project…]

Runs the tests: unit, db, temporal, docker, e2e; or those that are named. Each project starts the servers that it
needs and has a hard time limit. Without a Docker daemon the docker project is left out, loudly; with CI=true that is
a failure. What failed is told again at the very end. Exit code 0: everything passed.

With CI=true the files of at most three that failed are run once more, alone: what passes then is told as unsteady, and
is to be mended. The tests of the proof have no second run: what they find once is a finding.
`

const minute = 60_000
/** In the order they run, with the time after which a project is killed. */
const limits = { unit: 3 * minute, db: 10 * minute, temporal: 20 * minute, docker: 30 * minute, e2e: 40 * minute }
type Project = keyof typeof limits
const root = fileURLToPath(new URL('..', import.meta.url))
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { help: { type: 'boolean' } }, allowPositionals: true })
  if (values.help === true) {
    process.stdout.write(help)
    return 0
  }
  const unknown = positionals.filter((name) => !(name in limits))
  if (unknown.length > 0)
    throw new Error(`there is no test project ${unknown.join(', ')}; there are ${Object.keys(limits).join(', ')}`)
  const all = Object.keys(limits) as Project[]
  const asked = positionals.length === 0 ? all : all.filter((name) => positionals.includes(name))

  let total = zero
  const failures: (Failure & { project: Project })[] = []
  const unsteady: (Failure & { project: Project })[] = []
  for (const project of asked) {
    const run = await runProject(project).catch((error: unknown) => failedRun(told(error)))
    total = plus(total, run.outcome)
    failures.push(...run.failures.map((failure) => ({ ...failure, project })))
    unsteady.push(...run.unsteady.map((failure) => ({ ...failure, project })))
  }
  say(summary(total))
  for (const line of retelling('unsteady: failed, and passed alone', unsteady, root)) say(line)
  for (const line of retelling('what failed', failures, root)) say(line)
  return total.failed > 0 ? 1 : 0
}

const failedRun = (why: string): Run => ({
  outcome: { ...zero, failed: 1 },
  failures: [{ file: '', test: '(the run itself)', message: why }],
  unsteady: [],
})

async function runProject(project: Project): Promise<Run> {
  const { tools } = readConfig(['tools'])
  const began = performance.now()
  say(`== ${project}`)
  if (project === 'docker') {
    const docker = await dockerAnswers(tools.docker)
    if (!docker.answers) return withoutDocker(docker.why, tools.isCi)
  }
  if (project !== 'unit' && project !== 'db')
    await obtainTemporal({ named: tools.temporalCliPath, path: tools.path, cacheHome: tools.cacheHome }, (word) =>
      say(`Temporal CLI: ${word}`),
    )
  const first = await runVitest(project)
  const again = tools.isCi ? worthAnotherRun(first.failures) : []
  if (again.length > 0) say(`== ${project}: ${first.failures.length} failed; their files once more, alone`)
  const run = again.length > 0 ? settled(first, await runVitest(project, ['--maxWorkers=1', ...again])) : first
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  say(`== ${project}: ${summary(run.outcome)} (${seconds} s)`)
  return run
}

function withoutDocker(why: string, isCi: boolean): Run {
  say('!!')
  say(`!! NO DOCKER DAEMON ANSWERS (${why})`)
  say('!! The docker project is left out: nothing was proven about containers.')
  say(isCi ? '!! With CI=true that is a failure.' : '!! With CI=true that would be a failure.')
  say('!!')
  return isCi
    ? failedRun(`no Docker daemon answers: ${why}`)
    : { outcome: { ...zero, skipped: 1 }, failures: [], unsteady: [] }
}

async function runVitest(project: Project, more: readonly string[] = []) {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-test-report-'))
  const [report, uncaught] = [join(directory, 'report.json'), join(directory, 'uncaught')]
  try {
    const reporters = ['default', 'json', './test/setup/uncaught.ts'].map((name) => `--reporter=${name}`)
    const args = ['run', '--project', project, '--passWithNoTests', ...reporters, ...more]
    const code = await runBounded([vitest, ...args, `--outputFile.json=${report}`], limits[project], {
      TEST_UNCAUGHT: uncaught,
    })
    if (code === null) say(`== ${project}: KILLED after ${limits[project] / minute} min`)
    const text = await readFile(report, 'utf8').catch(() => undefined)
    const thrown = await readFile(uncaught, 'utf8').catch(() => '')
    const failures = failuresOf(text, code, thrown)
    return { outcome: outcomeOf(text, code), failures, passes: passesOf(text), unsteady: [] }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

await runMain(main)
