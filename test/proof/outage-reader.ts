import { setTimeout as delay } from 'node:timers/promises'
import type { Downtime } from './watched.ts'

/** One answer that somebody who only reads was given. */
export interface Read {
  readonly path: string
  readonly from: number
  readonly to: number
  /** Null: no answer came, for the reason in `lost`. */
  readonly status: number | null
  readonly lost: string | null
  readonly code: string | null
  readonly isProblem: boolean
  readonly saysWhenAgain: boolean
}

const everyMs = 250
const answerLimitMs = 40_000

/** Reads every one of the paths again and again until it is stopped; then tells what came of it. */
export function readOn(apiUrl: string, token: string, paths: readonly string[]) {
  const reads: Read[] = []
  const ending = new AbortController()
  const readers = paths.map(async (path) => {
    while (!ending.signal.aborted) {
      reads.push(await readOnce(apiUrl, token, path))
      await delay(everyMs, undefined, { signal: ending.signal }).catch(() => {})
    }
  })
  return async (): Promise<readonly Read[]> => {
    ending.abort()
    await Promise.all(readers)
    return reads
  }
}

async function readOnce(apiUrl: string, token: string, path: string): Promise<Read> {
  const from = Date.now()
  try {
    const response = await fetch(`${apiUrl}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(answerLimitMs),
    })
    const text = await response.text()
    const isProblem = (response.headers.get('content-type') ?? '').startsWith('application/problem+json')
    return {
      path,
      from,
      to: Date.now(),
      status: response.status,
      lost: null,
      code: isProblem ? (/"code":"(\w+)"/.exec(text)?.[1] ?? null) : null,
      isProblem,
      saysWhenAgain: /^[1-9]\d*$/.test(response.headers.get('retry-after') ?? ''),
    }
  } catch (error) {
    const lost = error instanceof Error ? `${error.name} ${error.message}` : String(error)
    return { path, from, to: Date.now(), status: null, lost, code: null, isProblem: false, saysWhenAgain: false }
  }
}

/** A pool may find out late that its connections are gone. */
const lateMs = 10_000
/** What a reader waits for in vain at most, also on a machine that has much else to do. */
const slowestMs = 10_000

/**
 * Every read was answered soon: with what was asked for, or, while the database was away, with when to come again. What was
 * told alike of one path is told once, with how often.
 */
export function readBreaches(reads: readonly Read[], database: readonly Downtime[]): string[] {
  const told = reads.flatMap((read) => {
    const breach = tell(read, database)
    return breach === null ? [] : [`GET ${read.path}: ${breach}`]
  })
  return Object.entries(Object.groupBy(told, (breach) => breach)).map(
    ([breach, all]) => `${breach} (${all?.length} times)`,
  )
}

function tell({ from, to, status, lost, code, isProblem, saysWhenAgain }: Read, database: readonly Downtime[]) {
  if (status === null) return `no answer: ${lost}`
  if (to - from > slowestMs) return `${status} only after ${to - from} ms`
  if (status === 200) return null
  if (status !== 503 || !isProblem || code !== 'unavailable') return `${status} ${code}`
  if (!saysWhenAgain) return '503, and not when to come again'
  const away = database.some((down) => down.from <= to && down.to + lateMs >= from)
  return away ? null : '503, and the database was there'
}
