import { appendFileSync, readFileSync } from 'node:fs'
import { z } from 'zod'

/** Names the file into which tests write what they measured, for whoever runs them. */
export const figuresVariable = 'CARREL_STANDS_FIGURES'

const figure = z.object({ backend: z.string(), what: z.string(), ms: z.number() })
export type StandFigure = z.output<typeof figure>

/** Tells what was measured, to whoever reads along and to `npm run test:stands`. */
export function noteFigure(backend: string, what: string, ms: number): void {
  console.log(`${backend}: ${what}: ${Math.round(ms)} ms`)
  const file = process.env[figuresVariable]
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ backend, what, ms })}\n`)
}

export function readFigures(file: string): StandFigure[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => figure.parse(JSON.parse(line)))
}
