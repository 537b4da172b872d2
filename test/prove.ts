import { randomInt } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfig } from '../platform/config.ts'
import type { ProviderConfig } from '../platform/config.ts'
import { createInterruption } from '../stack/interruption.ts'
import { obtainTemporal } from '../stack/temporal-cli.ts'
import { partNames } from './proof/part.ts'
import type { Part, ProofRun } from './proof/part.ts'
import { parts } from './proof/parts.ts'
import { breachesOf, writeReport } from './proof/report.ts'
import type { PartReport, ProofReport } from './proof/report.ts'
import { localProvider, proofTarget } from './proof/target.ts'

const help = `npm run prove [-- options]

Proves on this machine, with servers of its own, that nothing leaks, overshoots or hangs, and says what it found.

  --only <parts>       ${partNames.join(',')}; all when left out
  --provider <name>    where sessions run: the id of a provider in CARREL_PROVIDERS (or CARREL_PROVIDERS_FILE), or
                       docker, process, fake as this machine has them. Docker when left out, or the only one configured.
                       The proof has a database and a deployment of its own, and touches nothing else that runs there.
                       Instances of fake live in a worker's memory: with it, no worker is killed.
  --seed <number>      the same seed makes the same plans; a random one when left out
  --rounds <number>    how many rounds of each part; its own number (100 of kill) when left out
  --duration <time>    how long all parts may take together: 90s, 30m, 2h; 2h when left out
  --report <file>      writes <file>.md and <file>.json

Exit code 0: no breach. 1: a breach, or it could not be tried. Ctrl-C ends what runs, and reports what was found.
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      only: { type: 'string' },
      provider: { type: 'string' },
      seed: { type: 'string' },
      rounds: { type: 'string' },
      duration: { type: 'string' },
      report: { type: 'string' },
    },
  })
  if (values.help === true) {
    process.stdout.write(help)
    return 0
  }
  const asked = chosen(values.only)
  const seed = values.seed === undefined ? randomInt(1, 1_000_000) : wholeNumber('--seed', values.seed)
  const rounds = values.rounds === undefined ? undefined : wholeNumber('--rounds', values.rounds)
  const durationMs = timeOf(values.duration ?? '2h')
  const { tools, providers } = readConfig(['tools', 'providers'])
  const provider = providerOf(values.provider, providers)
  const search = { named: tools.temporalCliPath, path: tools.path, cacheHome: tools.cacheHome }
  const temporalCli = await obtainTemporal(search, (word) => say(`Temporal CLI: ${word}`))
  const directory = await mkdtemp(join(tmpdir(), 'carrel-prove-'))
  // Sessions of a process provider may run as other users.
  await chmod(directory, 0o711)
  const interruption = createInterruption(
    () => say('It ends: what runs is stopped first. Once more ends at once, and may leave things behind.'),
    () => process.exit(130),
  )
  process.on('SIGINT', interruption.heard).on('SIGTERM', interruption.heard)

  const target = proofTarget(provider, directory)
  const length = { seed, durationMs, ...(rounds === undefined ? {} : { rounds }) }
  let report: ProofReport
  try {
    report = await prove(asked, { ...length, target, temporalCli, signal: interruption.asked, say })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  for (const { name, cases, breaches } of report.parts) say(`== ${name}: ${cases} cases, ${breaches.length} breaches`)
  if (values.report !== undefined) say(`report: ${(await writeReport(values.report, report)).join(', ')}`)
  if (report.interrupted) say('It was interrupted: what is missing was not proven.')
  return breachesOf(report) > 0 || report.interrupted ? 1 : 0
}

/** Runs the parts one after the other; each may take what the ones before it left. */
async function prove(asked: readonly Part[], run: ProofRun): Promise<ProofReport> {
  const began = Date.now()
  const done: PartReport[] = []
  say(`seed ${run.seed}, provider ${run.target.provider.id}, parts ${asked.map(({ name }) => name).join(', ')}`)
  for (const [n, part] of asked.entries()) {
    if (run.signal.aborted) break
    const share = (run.durationMs - (Date.now() - began)) / (asked.length - n)
    say(`== ${part.name}: ${part.shows}`)
    const since = Date.now()
    const outcome = await part
      .run({ ...run, durationMs: Math.max(60_000, Math.round(share)) })
      .catch((error: unknown) => ({
        cases: 0,
        breaches: [`it could not be tried: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`],
        notes: [],
      }))
    for (const note of outcome.notes) say(`  ${note}`)
    for (const breach of outcome.breaches) say(`  breach: ${breach}`)
    done.push({ name: part.name, shows: part.shows, seconds: (Date.now() - since) / 1_000, ...outcome })
  }
  return {
    began: new Date(began).toISOString(),
    seconds: (Date.now() - began) / 1_000,
    seed: run.seed,
    provider: run.target.provider.id,
    interrupted: run.signal.aborted,
    parts: done,
  }
}

function chosen(only: string | undefined): readonly Part[] {
  if (only === undefined) return parts
  const names = only.split(',')
  const unknown = names.filter((name) => !parts.some((part) => part.name === name))
  if (unknown.length > 0)
    throw new Error(`there is no part ${unknown.join(', ')}; there are ${parts.map(({ name }) => name).join(', ')}`)
  return parts.filter(({ name }) => names.includes(name))
}

function providerOf(named: string | undefined, configured: readonly ProviderConfig[]): ProviderConfig {
  const found = named === undefined ? configured[0] : configured.find(({ id }) => id === named)
  if (found !== undefined && (named !== undefined || configured.length === 1)) return found
  if (named === undefined && configured.length > 1)
    throw new Error(`--provider must name one of ${configured.map(({ id }) => id).join(', ')}`)
  if (named === undefined || named === 'docker') return localProvider('docker')
  if (named === 'process' || named === 'fake') return localProvider(named)
  throw new Error(`there is no provider ${named} in CARREL_PROVIDERS, and this machine has none of that name`)
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${option} must be a whole number`)
  return Number(text)
}

function timeOf(text: string): number {
  const [, number, unit] = /^(\d+)(s|m|h)$/.exec(text) ?? []
  if (number === undefined) throw new Error('--duration must be like 90s, 30m or 2h')
  return Number(number) * (unit === 'h' ? 3_600_000 : unit === 'm' ? 60_000 : 1_000)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
