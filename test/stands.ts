import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { readConfig } from '../platform/config.ts'
import { obtainTemporal } from '../stack/temporal-cli.ts'
import { machineFacts } from './bench/machine.ts'
import { presentTable, updateDocument } from './bench/report.ts'
import { runBounded } from './bounded-run.ts'
import { runMain, say } from './command.ts'
import { failuresOf, outcomeOf, summary } from './outcome.ts'
import type { Failure, Outcome } from './outcome.ts'
import { retelling } from './retelling.ts'
import { lackOf, standNames } from './stands/configured.ts'
import type { StandName } from './stands/configured.ts'
import { endOf, exitCodeOf } from './stands/end.ts'
import { figuresVariable, readFigures } from './stands/figures.ts'
import { partId, standPart, titles } from './stands/part.ts'
import type { Present, StandRun } from './stands/part.ts'
import { resultsOf } from './stands/results.ts'

const help = `npm run test:stands [-- options]

Runs the conformance suite of compute providers, and whole sessions, on each real backend that the environment points to:

  docker      the daemon of this machine
  kubernetes  KUBECONFIG
  openstack   OS_CLIENT_CONFIG_FILE and OS_CLOUD
  slurm       CARREL_STAND_SLURM_URL and CARREL_STAND_SLURM_KEY_FILE

What else a backend's tests read is named in test/stands. It says which ran and which did not, and why. Each backend has a hard time
limit. Everything that is made there carries a deployment's id of its own, and is removed again.

  --only a,b      only these; one that the environment does not point to is then a failure
  --long          the outage with ten sessions in each phase and sixty seconds, held to its figures
  --record        writes docs/measurements.md, section (s); backends that did not run keep what stands there
  --help          this

Exit code 0: at least one ran, and everything passed.
`

const limitMs = 60 * 60_000
const root = fileURLToPath(new URL('..', import.meta.url))
const vitest = join(root, 'node_modules/vitest/vitest.mjs')

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      long: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const asked = values.only?.split(',')
  const unknown = asked?.filter((name) => !isName(name)) ?? []
  if (unknown.length > 0)
    throw new Error(`there is no backend ${unknown.join(', ')}; there are ${standNames.join(', ')}`)
  const wanted = standNames.filter((name) => asked?.includes(name) ?? true)

  const lacks = new Map<StandName, string>()
  for (const name of wanted) {
    const lack = (await lackOf(name)) ?? (await testLack(name))
    if (lack !== null) lacks.set(name, lack)
  }
  const { tools } = readConfig(['tools'])
  await obtainTemporal({ named: tools.temporalCliPath, path: tools.path, cacheHome: tools.cacheHome }, (word) =>
    say(`Temporal CLI: ${word}`),
  )
  const facts = await machineFacts()
  const done: { readonly run: StandRun; readonly outcome: Outcome }[] = []
  const failures: (Failure & { project: string })[] = []
  for (const name of wanted) {
    if (lacks.has(name)) continue
    say(`== ${name}`)
    const { run, outcome, failed } = await runOn(name, values.long, whenOf(facts))
    done.push({ run, outcome })
    failures.push(...failed.map((failure) => ({ ...failure, project: name })))
    say(`== ${name}: ${summary(outcome)} (${Math.round(run.seconds)} s)`)
  }
  const runs = done.map(({ run }) => run)
  if (values.record && runs.length > 0) await updateDocument(facts, [standPart(runs, await present())])
  for (const line of retelling('what failed', failures, root)) say(line)
  for (const line of endOf(done, lacks)) say(line)
  return exitCodeOf(done, lacks, asked !== undefined)
}

const isName = (name: string): name is StandName => standNames.some((known) => known === name)

async function testLack(name: StandName): Promise<string | null> {
  const files = await readdir(join(root, 'test/stands'))
  return files.some((file) => file.startsWith(name) && file.endsWith('.test.ts')) ? null : 'it has no tests'
}

async function runOn(name: StandName, long: boolean, when: string) {
  const directory = await mkdtemp(join(tmpdir(), 'carrel-stands-'))
  const [report, figures] = [join(directory, 'report.json'), join(directory, 'figures')]
  try {
    await writeFile(figures, '')
    const args = ['run', '--project', 'stands', '--reporter=default', '--reporter=json', `test/stands/${name}`]
    const variables = { [figuresVariable]: figures, ...(long ? { CARREL_STANDS_LONG: '1' } : {}) }
    const began = performance.now()
    const code = await runBounded([vitest, ...args, `--outputFile.json=${report}`], limitMs, variables)
    if (code === null) say(`== ${name}: KILLED after ${limitMs / 60_000} min`)
    const text = await readFile(report, 'utf8').catch(() => undefined)
    const run: StandRun = {
      backend: name,
      when,
      cases: resultsOf(name, text),
      figures: readFigures(figures),
      seconds: (performance.now() - began) / 1_000,
    }
    return { run, outcome: outcomeOf(text, code), failed: failuresOf(text, code) }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const whenOf = (facts: Awaited<ReturnType<typeof machineFacts>>): string => {
  const of = (what: string) => facts.find(([name]) => name === what)?.[1] ?? 'unknown'
  return `${of('date')}, commit ${of('commit')}, load ${of('load before')}`
}

async function present(): Promise<Present> {
  const table = async (title: keyof typeof titles) => await presentTable(partId, titles[title])
  return {
    runs: await table('runs'),
    cases: await table('cases'),
    without: await table('without'),
    figures: await table('figures'),
  }
}

await runMain(main)
