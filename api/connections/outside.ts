import { answerOf, wantUse } from '../../db/outside-uses.ts'
import type { OutsideAsking } from '../../db/outside-uses.ts'
import type { OutsideUse } from '../../db/outside-accounts.ts'
import type { Trx } from '../../db/connect.ts'
import type { Services } from '../deps.ts'
import { Problem } from '../problem.ts'

const usualWaitMs = 10_000
/** The ticket is made before the wait, and must be good for a while after it. */
const longestWaitMs = 20_000

/** How long a caller waits for the gateway: as long as it says, but no longer than its ticket could bear. */
export const outsideWaitMs = (waitMs: number, asked: boolean): number =>
  asked ? Math.min(waitMs, longestWaitMs) : usualWaitMs

/** Asks that the door be opened at the gateway outside, in the transaction of the ticket for it. */
export async function askOutside(trx: Trx, use: OutsideUse): Promise<OutsideAsking> {
  const asking = await wantUse(trx, use)
  if (asking === null) throw new Problem('not_ready', 'The session ends. Its doors open no more.')
  return { ...use, asking }
}

/** What the gateway could not do now, and might later. Everything else it will not do. */
const passing: Readonly<Record<string, string>> = {
  not_ready: 'The door does not answer yet.',
  ended: 'The session ends. Its doors open no more.',
  withdrawn: 'It was withdrawn again. Open it once more.',
  nothing_to_view: 'Nobody has this door open, so there is nothing to look at yet.',
}

/** Waits until the gateway has opened the door. @throws Problem where it has not, with what is known then */
export async function untilOpen(
  { db, openings }: Pick<Services, 'db' | 'openings'>,
  asked: OutsideAsking,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  await openings.wait(JSON.stringify(asked), waitMs, signal)
  const answer = await answerOf(db, asked, asked.asking)
  switch (answer.kind) {
    case 'open':
      return
    case 'waits':
      throw new Problem('unavailable', 'The gateway has not opened the door yet. Try again in a moment.')
    case 'refused': {
      const sentence = passing[answer.code]
      if (sentence !== undefined) throw new Problem('not_ready', sentence)
      throw new Problem('door_refused', 'The gateway will not open this door. Its operators can see why.')
    }
    default:
      return answer satisfies never
  }
}
