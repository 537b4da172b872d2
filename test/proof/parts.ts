import { kill } from './kill.ts'
import type { Part } from './part.ts'

/** The proof, in the order it runs: a line for each part. */
export const parts: readonly Part[] = [kill]
