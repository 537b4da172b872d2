import { stripVTControlCharacters } from 'node:util'
import type { Failure } from './outcome.ts'

const mostColumns = 240

/**
 * Tells again what failed, under a heading, for the end of a long print: each by its project, file, name, first error and the lines of
 * the stack that are ours, in at most `mostLines` lines. Paths are told from `root`, which ends with a slash.
 */
export function retelling(
  heading: string,
  failures: readonly (Failure & { readonly project: string })[],
  root: string,
  mostLines = 40,
): readonly string[] {
  if (failures.length === 0) return []
  const room = mostLines - 1
  const told = failures.length * 2 <= room ? failures : failures.slice(0, Math.floor((room - 1) / 2))
  const each = Math.min(9, Math.floor(room / told.length))
  const left = failures.length - told.length
  return [
    `== ${heading} (${failures.length}):`,
    ...told.flatMap((one) => lines(one, root, each)),
    ...(left > 0 ? [`… and ${left} more, told above`] : []),
  ]
}

function lines(
  { project, file, test, message }: Failure & { readonly project: string },
  root: string,
  most: number,
): string[] {
  const all = stripVTControlCharacters(message).replaceAll(`file://${root}`, '').replaceAll(root, '').split('\n')
  const said = all.filter((line) => line.trim() !== '' && !isFrame(line)).flatMap(folded)
  const ours = all.filter((line) => isFrame(line) && !/node_modules\/|node:|<anonymous>/.test(line)).slice(0, 3)
  const kept = said.slice(0, Math.max(1, most - 1 - ours.length))
  const head = [project, file.replace(root, ''), test].filter((part) => part !== '').join(' > ')
  const body = [...kept, ...ours].slice(0, most - 1).map((line) => `    ${line.trim()}`)
  return [`!! ${head}`, ...body].map((line) => line.slice(0, mostColumns))
}

/** A long line as several. */
const folded = (line: string): readonly string[] => line.trim().match(/.{1,200}/g) ?? []

const isFrame = (line: string): boolean => /^\s+at /.test(line)
