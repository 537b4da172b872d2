import type { Reason, SessionState } from '../../domain/lifecycle.ts'
import type { Answer, Asked } from './kill-portal.ts'
import type { Wish } from './kill-round.ts'
import type { Downtime } from './watched.ts'

/** What a round asked of one session, and what its row says at the end. */
export interface Fate {
  readonly name: string
  /** The ids that the api answered for its key; one, unless something is wrong. */
  readonly ids: readonly string[]
  /** A stop was answered 2xx. */
  readonly stopped: boolean
  /** Null: there is no such row. */
  readonly row: {
    readonly state: SessionState
    readonly reason: Reason | null
    /** What operators read of it. */
    readonly detail: string | null
    readonly story: readonly string[]
  } | null
  /** What was seen through its door; null where nobody looked. */
  readonly seen: string | null
}

/** A session by its name, and when it was first asked to stop. */
type Asking = Pick<Wish, 'name' | 'stopAskedAt'>

/**
 * Every answer was a success, a documented refusal that fits, or excused by a process that was not there. The next round may
 * ask somebody to stop whose door is just being opened: that it is refused from then on is right.
 */
export function answerBreaches(
  answers: readonly Answer[],
  api: readonly Downtime[],
  postgres: readonly Downtime[],
  wishes: readonly Asking[] = [],
): string[] {
  const stopAskedAt = new Map(wishes.map((wish) => [wish.name, wish.stopAskedAt ?? Infinity]))
  return answers.flatMap((answer) => {
    const isClosed = answer.asked === 'connect' && closed.includes(answer.code)
    if (isClosed && (stopAskedAt.get(answer.session ?? '') ?? Infinity) <= answer.to) return []
    const told = tell(answer, api, postgres)
    return told === null ? [] : [`${answer.asked} ${answer.session ?? ''}: ${told}`]
  })
}

/** How a door of one's own session is refused when the session is to end, and when it does. */
const closed: readonly (string | null)[] = ['forbidden', 'not_ready']

const successes: Readonly<Record<Asked, readonly number[]>> = {
  create: [201, 202],
  replay: [201, 202],
  stop: [200, 202],
  read: [200],
  list: [200],
  connect: [201],
  follow: [200],
}
/** A socket may break late, and a pool may find out late that its connections are gone. */
const lateMs = 10_000

function tell(answer: Answer, api: readonly Downtime[], postgres: readonly Downtime[]): string | null {
  const { asked, status, lost, code, from, to, saysWhenAgain } = answer
  if (lost === 'timeout') return `no answer within ${to - from} ms`
  if (status === null) return overlaps(api, from, to) ? null : `the api was there, and the answer was lost: ${lost}`
  if (successes[asked].includes(status)) return null
  if (status !== 503) return `${status} ${code}`
  if (code !== 'unavailable' || !saysWhenAgain) return `503 ${code}, and not when to come again`
  return overlaps(postgres, from, to) || overlaps(api, from, to)
    ? null
    : 'the database was there, and the answer was 503'
}

const overlaps = (downtimes: readonly Downtime[], from: number, to: number): boolean =>
  downtimes.some((down) => down.from <= to + 500 && down.to + lateMs >= from)

/** Whatever was answered 2xx exists and was carried through; whoever was not asked to end did not. */
export function fateBreaches(fates: readonly Fate[]): string[] {
  return fates.flatMap((fate) => judge(fate).map((told) => `session ${fate.name} (${fate.ids[0] ?? 'no id'}): ${told}`))
}

function judge({ ids, stopped, row, seen }: Fate): string[] {
  if (ids.length === 0) return ['it was never accepted']
  if (ids.length > 1) return [`one key stands for ${ids.join(' and ')}`]
  if (row === null) return ['it was accepted, and is not there']
  const after = `after ${row.story.join(', ')}${row.detail === null ? '' : `: ${row.detail.slice(0, 300)}`}`
  if (stopped) {
    // What had not begun was cancelled.
    const right = row.state === 'stopped' && (row.reason === 'user' || row.reason === 'cancelled')
    return right ? [] : [`it was asked to stop, and is ${row.state} (${row.reason}) ${after}`]
  }
  if (row.state !== 'ready') return [`nobody asked it to end, and it is ${row.state} (${row.reason}) ${after}`]
  return seen === null || seen === 'here' ? [] : [`it is ready, and ${seen}`]
}

/** Node's last line where nobody caught an error. */
const uncaught = /Node\.js v\d/

/** The api needs nobody to come up and to stay; a worker may leave where it cannot work, but never by an error unforeseen. */
export const endBreaches = (process: string, ownEnds: readonly string[]): string[] =>
  ownEnds.filter((end) => process === 'api' || uncaught.test(end)).map((end) => `${process}: ${end}`)
