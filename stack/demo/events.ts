import { z } from 'zod'
import type { Progress } from '../progress.ts'
import type { SessionEvent } from './client.ts'

const stateData = z.object({ state: z.string(), reason: z.string().nullish(), waitingFor: z.string().nullish() })
const progressData = z.object({ message: z.string(), percent: z.number().nullish() })

const ends = ['stopped', 'failed', 'rejected']
export const isEnd = (state: string): boolean => ends.includes(state)

/** The state that an event says the session has entered; undefined for every other event. */
export function enteredState(event: SessionEvent): z.output<typeof stateData> | undefined {
  return event.type === 'session.state' ? stateData.safeParse(event.data).data : undefined
}

/** Shows one line of a session's history; types that are not known are left out, as growth is promised. */
export function showEvent(event: SessionEvent, progress: Progress): void {
  const entered = enteredState(event)
  if (entered !== undefined) {
    const because = entered.reason ?? entered.waitingFor
    return progress.line(`session: ${entered.state}${because === null || because === undefined ? '' : ` (${because})`}`)
  }
  if (event.type !== 'session.progress') return
  const said = progressData.safeParse(event.data).data
  if (said === undefined) return
  const percent = typeof said.percent === 'number' ? ` ${bar(said.percent)} ${said.percent} %` : ''
  progress.now(`session: ${said.message}${percent}`)
}

function bar(percent: number): string {
  const width = 20
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width)
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`
}
