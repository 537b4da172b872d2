import type { ApiSettings } from './deps.ts'
import { Problem } from './problem.ts'

/** The catalogues that are kept in step, by name: what they say is not changed here. */
export const catalogueNames = ({ catalogues = [] }: Pick<ApiSettings, 'catalogues'>): string[] =>
  catalogues.map(({ id }) => id)

/** It is as a catalogue says, and would be again. */
export const saidElsewhere = (what: string, source: string | null = null): Problem =>
  new Problem('configured', `The catalogue ${source === null ? '' : `${source} `}says ${what}. Change it there.`)
