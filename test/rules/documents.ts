import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './imports.ts'

export const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Every page of the repository, by its path. */
export const documents: readonly string[] = execFileSync('git', ['ls-files', '*.md'], {
  cwd: root,
  encoding: 'utf8',
  timeout: 10_000,
})
  .trim()
  .split('\n')

/** What stands under a heading (`## What the cloud says`), up to the next one of its rank or above. */
export function sectionOf(text: string, heading: string): string {
  const rank = heading.indexOf(' ')
  const [, below = ''] = `\n${text}`.split(`\n${heading}\n`)
  return below.split(new RegExp(`\n#{1,${rank}} `))[0] ?? ''
}

/** The rows of all tables of a text, without heads: the words in code marks of each cell, and the cell itself. */
export function tableRows(text: string): { readonly cells: readonly string[]; readonly words: readonly string[][] }[] {
  return [...text.matchAll(/^\| (.+) \|$/gm)]
    .map(([, row = '']) => row.split(/ \| ?/))
    .filter((cells) => !cells.every((cell) => /^-+$/.test(cell)))
    .map((cells) => ({
      cells,
      words: cells.map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)),
    }))
}
