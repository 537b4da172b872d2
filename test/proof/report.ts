import { writeFile } from 'node:fs/promises'
import type { PartName, ProofOutcome } from './part.ts'

export interface PartReport extends ProofOutcome {
  readonly name: PartName
  readonly shows: string
  /** What its sessions ran on. */
  readonly on: string
  readonly seconds: number
}

export interface ProofReport {
  readonly began: string
  readonly seconds: number
  readonly seed: number
  readonly provider: string
  /** It was ended before it was done. */
  readonly interrupted: boolean
  readonly parts: readonly PartReport[]
}

export const breachesOf = ({ parts }: ProofReport): number => parts.reduce((sum, part) => sum + part.breaches.length, 0)

/** Whether all that was asked for was tried, and held. */
export const isProven = (report: ProofReport): boolean =>
  !report.interrupted &&
  breachesOf(report) === 0 &&
  report.parts.every(({ missed }) => missed === undefined || missed === null)

/** Writes `<file>` for people and `<file>.json` for machines; a `.md` or `.json` at the end of the name is left out first. */
export async function writeReport(file: string, report: ProofReport): Promise<readonly string[]> {
  const base = file.replace(/\.(?:md|json)$/, '')
  await writeFile(`${base}.md`, markdown(report))
  await writeFile(`${base}.json`, `${JSON.stringify(report, null, 2)}\n`)
  return [`${base}.md`, `${base}.json`]
}

/** The report as people read it. */
export function markdown(report: ProofReport): string {
  const { began, seconds, seed, provider, interrupted, parts } = report
  const rows = parts.map(
    (p) => `| ${p.name} | ${p.on} | ${p.cases} | ${p.breaches.length} | ${Math.round(p.seconds)} |`,
  )
  return [
    '# Proof',
    '',
    `Begun ${began}, ${Math.round(seconds)} s, seed ${seed}, provider ${provider}.`,
    ...(interrupted ? ['', '**It was interrupted: what is missing was not tried.**'] : []),
    '',
    '| part | ran on | cases | breaches | seconds |',
    '| --- | --- | ---: | ---: | ---: |',
    ...rows,
    '',
    ...parts.flatMap((part) => [
      `## ${part.name}`,
      '',
      `Shows that ${part.shows}. It ran on ${part.on}.`,
      '',
      ...part.notes.map((note) => `- ${note}`),
      ...(part.missed === undefined || part.missed === null ? [] : [`- **not all was tried**: ${part.missed}`]),
      ...part.breaches.map((breach) => `- **breach**: ${breach}`),
      '',
    ]),
  ].join('\n')
}
