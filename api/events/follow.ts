import { leaving } from './open-streams.ts'

/** One event of a stream. */
export interface Frame {
  readonly id: string
  readonly event: string
  readonly data: unknown
}

/** What is read at once: the events after a place, the place after them, and whether none will ever follow. */
export interface Batch<Place> {
  readonly frames: readonly Frame[]
  readonly place: Place
  readonly more: boolean
  readonly ended: boolean
}

export interface Followed<Place> {
  readonly place: Place
  /** Sent first, so that a reader who loses the stream before its first event can resume it. */
  readonly startId: string | null
  read(place: Place): Promise<Batch<Place>>
  /** Whether the reader may still read: asked again and again. */
  mayGoOn(): Promise<boolean>
  /** Calls back when there may be something new. Returns the way to stop. */
  onNews(heard: () => void): () => void
}

export interface Pace {
  readonly pollMs: number
  /** After news that are not visible yet, because an older transaction is still open. */
  readonly soonMs: number
  readonly checkMs: number
  readonly commentMs: number
}
export const usualPace: Pace = { pollMs: 2_000, soonMs: 250, checkMs: 3_000, commentMs: 15_000 }

const comeBackMs = 1_000

/**
 * The text of a stream, as `text/event-stream` has it: events in order as they come, a comment when it is quiet, `end` after
 * the last event there will be. Ends when the reader goes, may read no more, or the process ends. News only wake it: what it
 * reads is the truth.
 */
export async function* follow<Place>(
  source: Followed<Place>,
  signal: AbortSignal,
  pace: Pace = usualPace,
): AsyncGenerator<string, void> {
  let { place } = source
  let checkedAt = Date.now()
  let spokenAt = Date.now()
  let newsAt = 0
  let heard = () => {}
  let news = false
  const stop = source.onNews(() => {
    news = true
    newsAt = Date.now()
    heard()
  })
  try {
    yield source.startId === null ? ': hello\n\n' : `id: ${source.startId}\n\n`
    while (!signal.aborted) {
      if (Date.now() - checkedAt >= pace.checkMs) {
        if (!(await source.mayGoOn())) return
        checkedAt = Date.now()
      }
      news = false
      const batch = await source.read(place)
      place = batch.place
      if (batch.frames.length > 0) {
        yield batch.frames.map(text).join('')
        spokenAt = Date.now()
      }
      if (batch.ended) {
        yield 'event: end\ndata: {}\n\n'
        return
      }
      if (batch.more) continue
      if (Date.now() - spokenAt >= pace.commentMs) {
        yield ': still here\n\n'
        spokenAt = Date.now()
      }
      const soon = Date.now() - newsAt < 4 * pace.soonMs
      if (!news) await pause(soon ? pace.soonMs : pace.pollMs, signal, (wake) => (heard = wake))
    }
    if (signal.reason === leaving.server) yield `retry: ${comeBackMs}\n\n`
  } finally {
    stop()
  }
}

const text = ({ id, event, data }: Frame): string => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`

/** Until woken, aborted, or `ms` are over. */
function pause(ms: number, signal: AbortSignal, onWake: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      onWake(() => {})
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    onWake(done)
    if (signal.aborted) done()
  })
}
