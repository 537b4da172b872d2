import { readConfig } from '../platform/config.ts'
import type { Kind } from './offer.ts'
import { placesIn, type Places } from './places.ts'
import { createProgress, type Progress } from './progress.ts'

/** Where a command of the stack works and how it speaks. */
export interface Surroundings {
  readonly places: Places
  readonly progress: Progress
  /** A machine reads along: no spinners, and no secret is printed. */
  readonly isCi: boolean
}

export function surroundings(): Surroundings {
  const { tools } = readConfig(['tools'])
  const live = process.stdout.isTTY && !tools.isCi
  const progress = createProgress({ output: process.stdout, live, columns: process.stdout.columns })
  return { places: placesIn(tools.stateDirectory), progress, isCi: tools.isCi }
}

/** The provider that was asked for. @throws when there is no such kind */
export function kindOf(text: string | undefined): Kind | undefined {
  if (text === undefined || text === 'docker' || text === 'process') return text
  throw new Error('--provider is docker or process')
}

/**
 * Runs a command and ends the process with its exit code; what it throws is said in one line, with code 1. What an
 * interrupted start still waits for does not keep the process.
 */
export async function runCommand(command: () => Promise<number>): Promise<never> {
  try {
    process.exit(await command())
  } catch (error) {
    console.error(error instanceof Error ? reasonOf(error) : error)
    process.exit(1)
  }
}

function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}
