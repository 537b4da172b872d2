import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createInterruption } from '../stack/interruption.ts'
import { createProgress } from '../stack/progress.ts'
import { measureAccepts } from './bench/accepts.ts'
import { measureAdmissions } from './bench/admissions.ts'
import { measureDays } from './bench/days.ts'
import type { Part } from './bench/figures.ts'
import { measureDoors } from './bench/doors.ts'
import { measureFootprint } from './bench/footprint.ts'
import { createGround } from './bench/ground.ts'
import type { Ground } from './bench/ground.ts'
import { measureHerd } from './bench/herd.ts'
import { machineFacts } from './bench/machine.ts'
import type { Extent } from './bench/options.ts'
import { measureListings } from './bench/listings.ts'
import { measureReads } from './bench/reads.ts'
import { measurePlacement } from './bench/placement.ts'
import { asText, updateDocument } from './bench/report.ts'
import { measureStarts } from './bench/starts.ts'
import { runMain } from './command.ts'

const parts: Readonly<Record<string, (ground: Ground, extent: Extent) => Promise<Part>>> = {
  a: measureStarts,
  b: measureAccepts,
  c: measureReads,
  d: measureAdmissions,
  e: measureFootprint,
  f: measureHerd,
  g: measureDoors,
  h: measurePlacement,
  i: measureListings,
  j: measureDays,
}

const help = `npm run bench [-- options]

Measures Carrel beside the raw thing, in turn, in one run, and writes docs/measurements.md. It starts its own PostgreSQL,
Temporal, api and worker, and takes everything down. Leave the machine alone meanwhile. Docker is needed for a and f.

  a  a session's start and stop, beside the same container made by hand
  b  accepted creates, beside bare inserts; also while Temporal is away
  c  reads, beside a bare route of the same server
  d  admission decisions, beside bare row-locked updates
  e  memory, Temporal's events and statements per session
  f  a herd of notebooks
  g  what comes through a door, beside the same without one
  h  what a wish stands on among many providers and sessions, beside the providers alone
  i  pages of the list of somebody with ten thousand experiments, beside its first page
  j  a portal's day of fifty people at once, call by call

  --only a,b      only these parts; the others keep what stands in the document
  --rounds n      how often each way is measured (5; with --quick 2)
  --quick         a short look: few rounds, small herds; prints, and writes no document
  --json file     writes what was measured as JSON, too
  --help          this
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return 0
  }
  const extent: Extent = { rounds: roundsOf(values.rounds ?? (values.quick ? '2' : '5')), quick: values.quick }
  const asked = values.only?.split(',') ?? Object.keys(parts)
  const unknown = asked.filter((id) => !Object.hasOwn(parts, id))
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}; there are ${Object.keys(parts)}`)

  const progress = createProgress({
    output: process.stdout,
    live: process.stdout.isTTY,
    columns: process.stdout.columns,
  })
  const interruption = createInterruption(
    () => progress.line('stopping; once more to stop at once'),
    () => process.exit(130),
  )
  process.on('SIGINT', interruption.heard).on('SIGTERM', interruption.heard)
  const machine = await machineFacts()
  const measured: Part[] = []
  const ground = await createGround(progress, interruption.asked)
  try {
    for (const [id, measure] of Object.entries(parts))
      if (asked.includes(id)) measured.push(await measure(ground, extent))
  } finally {
    await progress.step('taking everything down', () => ground.close())
    if (values.json !== undefined)
      await writeFile(values.json, `${JSON.stringify({ machine, extent, measured }, null, 2)}\n`)
  }
  for (const part of measured) progress.print(asText(part))
  if (!values.quick) await updateDocument([...machine, ['rounds', String(extent.rounds)]], measured)
  return 0
}

function roundsOf(text: string): number {
  const rounds = Number(text)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error('--rounds: a number from 1 to 100')
  return rounds
}

await runMain(main)
