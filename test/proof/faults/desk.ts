import type { Fault, Hands } from './faults.ts'
import type { Answer, Gate, Place, Visit } from './visit.ts'

/** Something that leads a session where it would not go by itself: what it answers comes before any fault. */
export type Lead = (visit: Visit, calls: (activity: string) => number) => Promise<Answer | null> | Answer | null

export interface Plan {
  readonly subject: string
  readonly activity: string
  readonly fault: Fault
  readonly lead: Lead | null
}

/** One fault that is to happen, and what came of it. */
export interface Case extends Plan {
  /** Fulfilled when it happens; and when the activity that it happened to has left. */
  readonly happened: Promise<void>
  readonly left: Promise<void>
  hasHappened(): boolean
  /** Fulfilled when an activity has come to a place. */
  reached(activity: string, place: Place): Promise<void>
  /** How often its activity was begun. */
  calls(): number
  /** Whether its worker holds the activity where it is to be killed. */
  isHeld(): boolean
  /** Its worker is killed: who comes after that goes on. */
  killed(): void
  /** What `hands.over()` waits for. */
  setOver(): void
}

/** What only the site can do. */
export type Reach = (visit: Visit) => Pick<Hands, 'stop' | 'cancel'> & {
  /** Whether the workflow acted on what was asked of it. */
  isHeard(): Promise<boolean>
}

export interface Desk extends Gate {
  plan(plan: Plan): Case
  /** Every activity that has asked a backend so far. */
  askers(): ReadonlySet<string>
}

const beatMs = 200
const heardMs = 50

/** Where all the activities of a proof come by: each fault happens to the first visit that it was planned for. */
export function createDesk(reach: Reach): Desk {
  const entries = new Map<string, ReturnType<typeof createEntry>>()
  const askers = new Set<string>()
  return {
    plan(plan) {
      const entry = createEntry(plan, reach)
      entries.set(plan.subject, entry)
      return entry.case
    },
    async arrive(visit, beat) {
      if (visit.place === 'asking') askers.add(visit.activity)
      return (await entries.get(visit.subject)?.arrive(visit, beat)) ?? 'go on'
    },
    askers: () => askers,
    left: (visit) => entries.get(visit.subject)?.left(visit),
  }
}

function createEntry(plan: Plan, reach: Reach) {
  const happened = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  const over = Promise.withResolvers<void>()
  const again = Promise.withResolvers<void>()
  const calls = new Map<string, number>()
  const reached = new Map<string, PromiseWithResolvers<void>>()
  const reachedAt = (activity: string, place: Place) => {
    const known = reached.get(`${activity} ${place}`) ?? Promise.withResolvers<void>()
    reached.set(`${activity} ${place}`, known)
    return known
  }
  const countOf = (activity: string) => calls.get(activity) ?? 0
  let isOver = false
  let state: 'to come' | 'held' | 'done' = 'to come'
  /** Those of the planned activity that are under way: the first that leaves after its fault is not always the one it hit. */
  let underway = 0

  const handsFor = (visit: Visit, beat: () => void): Hands => {
    const { stop, cancel, isHeard } = reach(visit)
    const beating = async <T>(waited: Promise<T>): Promise<T> => {
      const pulse = setInterval(beat, beatMs)
      return await waited.finally(() => clearInterval(pulse))
    }
    const heard = async () => {
      while (!visit.local && !isOver && !(await isHeard())) await new Promise((resolve) => setTimeout(resolve, heardMs))
    }
    return {
      stop,
      cancel,
      heard: async () => await beating(heard()),
      calledAgain: async () => await Promise.race([again.promise, over.promise]),
      over: async () => await over.promise,
      killed: async () => await beating(new Promise<never>(() => {})),
    }
  }

  return {
    case: {
      ...plan,
      happened: happened.promise,
      left: left.promise,
      reached: async (activity, place) => await reachedAt(activity, place).promise,
      hasHappened: () => state !== 'to come',
      calls: () => countOf(plan.activity),
      isHeld: () => state === 'held',
      killed: () => void (state = 'done'),
      setOver() {
        isOver = true
        over.resolve()
      },
    } satisfies Case,

    async arrive(visit: Visit, beat: () => void): Promise<Answer> {
      const isOurs = visit.activity === plan.activity
      // What is beside the matter leads nobody anywhere.
      if (visit.call === undefined) {
        reachedAt(visit.activity, visit.place).resolve()
        if (visit.place === 'before') {
          calls.set(visit.activity, countOf(visit.activity) + 1)
          if (isOurs) underway += 1
          if (isOurs && state !== 'to come') again.resolve()
        }
        const led = (await plan.lead?.(visit, countOf)) ?? null
        if (led !== null) return led
      }
      // However often it is begun anew before its worker is killed, it comes no further.
      const isNow = state === 'to come' || (plan.fault.deadly === true && state === 'held')
      const isHere = visit.place === plan.fault.place && visit.call === plan.fault.call
      if (!isOurs || !isHere || !isNow) return 'go on'
      state = 'held'
      happened.resolve()
      return await plan.fault.happen(handsFor(visit, beat), visit).finally(() => (state = 'done'))
    },

    left(visit: Omit<Visit, 'place'>): void {
      if (visit.activity !== plan.activity) return
      underway -= 1
      if (state === 'done' && underway === 0) left.resolve()
    },
  }
}
