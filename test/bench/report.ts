import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repository } from '../../stack/places.ts'
import type { Goal, Part, Table } from './figures.ts'
import type { Machine } from './machine.ts'

const file = join(repository, 'docs/measurements.md')
/** Written by hand; everything else is written by the bench. */
const learned = '## What was learned'

const intro = `# Measurements

Written by \`npm run bench\`, section (s) by \`npm run test:stands -- --record\`, the last one by hand. Machines are noisy: each figure
stands beside the raw thing, measured in turn with it in the same run, and the goals are ratios. \`n\` is how many were measured.`

/** Puts what was measured into docs/measurements.md. Parts that were not measured, and what was written by hand, stay. */
export async function updateDocument(facts: Machine, measured: readonly Part[]): Promise<void> {
  const present = await readDocument()
  const parts = new Map(sectionsOf(present))
  for (const part of measured) parts.set(part.id, sectionOf(part, facts))
  const byHand = present.includes(learned) ? present.slice(present.indexOf(learned)) : `${learned}\n`
  const sections = [...parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)
  await writeFile(file, `${[intro, ...sections, byHand.trim()].join('\n\n')}\n`)
}

const readDocument = async (): Promise<string> => await readFile(file, 'utf8').catch(() => '')

/** The cells of a table that stands in the document now, its head first; none where there is no such table. */
export async function presentTable(id: string, title: string): Promise<string[][]> {
  const section = new Map(sectionsOf(await readDocument())).get(id) ?? ''
  const table = section.split(/^### /m).find((part) => part.startsWith(`${title}\n`)) ?? ''
  const rows = table.split('\n').filter((line) => line.startsWith('|'))
  const cellsOf = (line: string) => line.slice(1, -1).split('|')
  return [...rows.slice(0, 1), ...rows.slice(2)].map((line) => cellsOf(line).map((cell) => cell.trim()))
}

/** The parts in the document, by their letters. */
function sectionsOf(text: string): [string, string][] {
  const before = text.includes(learned) ? text.slice(0, text.indexOf(learned)) : text
  return before.split(/^(?=## \([a-z]\) )/m).flatMap((section): [string, string][] => {
    const id = /^## \(([a-z])\) /.exec(section)?.[1]
    return id === undefined ? [] : [[id, section.trim()]]
  })
}

function sectionOf(part: Part, machine: Machine): string {
  const facts = machine.map(([what, is]) => `${what} ${is}`).join('; ')
  return [
    `## (${part.id}) ${part.title}`,
    ...part.how.map(wrapped),
    `_Measured on: ${facts}._`,
    ...(part.goals.length === 0 ? [] : [goalsOf(part.goals)]),
    ...part.tables.map((table) => `### ${table.title}\n\n${tableOf(table.columns, table.rows)}`),
  ].join('\n\n')
}

/** The same for a terminal. */
export function asText(part: Part): string {
  const tables = part.tables.map(({ title, columns, rows }: Table) => `${title}\n${tableOf(columns, rows)}`)
  const goals = part.goals.length === 0 ? [] : [goalsOf(part.goals)]
  return [`(${part.id}) ${part.title}`, ...goals, ...tables].join('\n\n')
}

const verdict = ({ met }: Goal) => (met === null ? '' : met ? 'met' : '**not met**')
const goalsOf = (goals: readonly Goal[]) =>
  tableOf(
    ['what', 'goal', 'found', ''],
    goals.map((goal) => [goal.what, goal.goal, goal.found, verdict(goal)]),
  )

/** As prettier writes it. */
function tableOf(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((name, n) => Math.max(3, name.length, ...rows.map((row) => (row[n] ?? '').length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(' | ')} |`
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

/** Lines of at most 140 characters. */
function wrapped(text: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length + 1 > 140) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join('\n')
}
