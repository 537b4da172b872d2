import { parseArgs } from 'node:util'

/** What `npm run keys` was asked to do. */
export interface Wish {
  readonly command: 'status' | 'rotate'
  readonly dryRun: boolean
  /** Rows per transaction. */
  readonly batch: number
  /** Runs of workflows that began later need no older key. */
  readonly before: Date
}

/** The command was called wrongly; the message says how. */
export class WishUnclear extends Error {
  constructor(message: string) {
    super(`${message}; npm run keys -- --help says more`)
    this.name = 'WishUnclear'
  }
}

/** Null: help is wanted. @throws WishUnclear */
export function readWish(words: readonly string[], now: Date): Wish | null {
  const { values, positionals } = parse(words)
  if (values.help === true) return null
  const [command, ...rest] = positionals
  if ((command !== 'status' && command !== 'rotate') || rest.length > 0) throw new WishUnclear('say status or rotate')
  const dryRun = values['dry-run'] === true
  if (command === 'status' && (dryRun || values.batch !== undefined))
    throw new WishUnclear('status takes neither --dry-run nor --batch')
  const batch = Number(values.batch ?? '100')
  if (!Number.isInteger(batch) || batch < 1 || batch > 1_000) throw new WishUnclear('--batch must be 1 to 1000')
  return { command, dryRun, batch, before: timeOf(values.before, now) }
}

function timeOf(text: string | undefined, now: Date): Date {
  if (text === undefined) return now
  const time = new Date(text)
  // Without a zone it would be read as the machine's own time, and date alone as UTC: no guesses about a key.
  if (!/T.*(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(time.getTime()))
    throw new WishUnclear('--before must be a time with its zone, like 2026-11-22T04:00:00Z')
  if (time > now) throw new WishUnclear('--before must not be in the future')
  return time
}

const options = {
  help: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  batch: { type: 'string' },
  before: { type: 'string' },
} as const

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], allowPositionals: true, options })
  } catch (error) {
    throw new WishUnclear(error instanceof Error ? error.message : 'these words are not known')
  }
}
