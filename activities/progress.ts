import type { SessionKey } from '../domain/session.ts'
import type { Db } from '../db/connect.ts'
import { recordProgress } from '../db/progress.ts'
import type { Progress } from '../ports/compute/provider.ts'

/** Where a step says how far it is. Saying so never fails and never waits: the newest word wins, at most one a second is kept. */
export interface ProgressLine {
  say(progress: Progress): void
  close(): Promise<void>
}

const flushEveryMs = 1_000

export function createProgressLine(db: Db, key: SessionKey): ProgressLine {
  let latest: Progress | null = null
  let told = ''
  let writing: Promise<void> = Promise.resolve()
  const flush = () => {
    if (latest === null) return
    const progress = latest
    latest = null
    const text = JSON.stringify(progress)
    if (text === told) return
    writing = writing.then(async () => {
      try {
        if (await recordProgress(db, key, progress)) told = text
        else latest ??= progress
      } catch {
        // Progress is a courtesy: a database that does not answer shows in the step itself.
      }
    })
  }
  const timer = setInterval(flush, flushEveryMs)
  return {
    say(progress) {
      const first = latest === null && told === ''
      latest = progress
      if (first) flush()
    },
    async close() {
      clearInterval(timer)
      await writing
    },
  }
}
