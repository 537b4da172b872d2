import { appendFileSync, readFileSync } from 'node:fs'
import { z } from 'zod'

/** Names the file into which tests write what they measured, for whoever runs them. */
export const figuresVariable = 'CARREL_STANDS_FIGURES'

const figure = z.object({ backend: z.string(), what: z.string(), took: z.array(z.number()).min(1) })
export type StandFigure = z.output<typeof figure>

/** Tells what was measured, each in ms, to whoever reads along and to `npm run test:stands`. */
export function noteFigure(backend: string, what: string, ...took: readonly number[]): void {
  console.log(`${backend}: ${what}: ${took.map((ms) => Math.round(ms)).join(', ')} ms`)
  const file = process.env[figuresVariable]
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ backend, what, took })}\n`)
}

export function readFigures(file: string): StandFigure[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => figure.parse(JSON.parse(line)))
}
