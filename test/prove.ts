import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../platform/config.ts'
import { createInterruption } from '../stack/interruption.ts'
import { obtainTemporal } from '../stack/temporal-cli.ts'
import { runMain, say } from './command.ts'
import { help, optionsOf, providerOf } from './proof/options.ts'
import type { Part, ProofRun } from './proof/part.ts'
import { isProven, writeReport } from './proof/report.ts'
import type { PartReport, ProofReport } from './proof/report.ts'
import { nameOf, openTarget, proofTarget } from './proof/target.ts'
import { templateIn } from './proof/template-file.ts'

async function main(): Promise<number> {
  const asked = optionsOf(process.argv.slice(2))
  if (asked === 'help') {
    process.stdout.write(help)
    return 0
  }
  const { tools, providers } = readConfig(['tools', 'providers'])
  const directory = await mkdtemp(join(tmpdir(), 'carrel-prove-'))
  // Sessions of a process provider may run as other users.
  await chmod(directory, 0o711)
  let report: ProofReport
  try {
    const target = proofTarget({
      provider: providerOf(asked.provider, providers, tools.docker),
      directory,
      ...(asked.image === undefined ? {} : { image: asked.image }),
      ...(asked.posix === undefined ? {} : { posix: asked.posix }),
      ...(asked.here === undefined ? {} : { here: asked.here }),
      ...(asked.template === undefined ? {} : { template: await templateIn(asked.template) }),
    })
    // What is wrong with its settings is told now, and not by each part.
    await openTarget(target).close()
    const search = { named: tools.temporalCliPath, path: tools.path, cacheHome: tools.cacheHome }
    const temporalCli = await obtainTemporal(search, (word) => say(`Temporal CLI: ${word}`))
    const interruption = createInterruption(
      () => say('It ends: what runs is stopped first. Once more ends at once, and may leave things behind.'),
      () => process.exit(130),
    )
    process.on('SIGINT', interruption.heard).on('SIGTERM', interruption.heard)
    const { seed, durationMs, rounds } = asked
    const length = { seed, durationMs, ...(rounds === undefined ? {} : { rounds }) }
    report = await prove(asked.parts, { ...length, target, temporalCli, signal: interruption.asked, say })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  for (const { name, on, cases, breaches, missed } of report.parts) {
    const less = missed === undefined || missed === null ? '' : `; not all was tried: ${missed}`
    say(`== ${name} on ${on}: ${cases} cases, ${breaches.length} breaches${less}`)
  }
  if (asked.report !== undefined) say(`report: ${(await writeReport(asked.report, report)).join(', ')}`)
  if (report.interrupted) say('It was interrupted: what is missing was not proven.')
  return isProven(report) ? 0 : 1
}

/** Runs the parts one after the other; each may take what the ones before it left. */
async function prove(asked: readonly Part[], run: ProofRun): Promise<ProofReport> {
  const began = Date.now()
  const done: PartReport[] = []
  const provider = nameOf(run.target)
  say(`seed ${run.seed}, provider ${provider}, parts ${[...new Set(asked.map(({ name }) => name))].join(', ')}`)
  for (const [n, part] of asked.entries()) {
    if (run.signal.aborted) break
    const share = (run.durationMs - (Date.now() - began)) / (asked.length - n)
    const on = part.on(run.target)
    say(`== ${part.name} on ${on}: ${part.shows}`)
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
    done.push({ name: part.name, shows: part.shows, on, seconds: (Date.now() - since) / 1_000, ...outcome })
  }
  return {
    began: new Date(began).toISOString(),
    seconds: (Date.now() - began) / 1_000,
    seed: run.seed,
    provider,
    interrupted: run.signal.aborted,
    parts: done,
  }
}

await runMain(main)
