import type { Answer, Place, Visit } from './visit.ts'

/** What a fault can do, and wait for. */
export interface Hands {
  /** Somebody asks that the session ends; fulfilled when that is recorded. */
  stop(): Promise<void>
  /** An operator cancels the workflow that called the activity; fulfilled when that is recorded. */
  cancel(): Promise<void>
  /** The workflow has acted on it, as far as it can while the activity lasts. Beats meanwhile. */
  heard(): Promise<void>
  /** The caller has given the activity up and calls it again. */
  calledAgain(): Promise<void>
  /** The session has ended, and all its runs are closed. */
  over(): Promise<void>
  /** For ever, beating: until the worker is killed. */
  killed(): Promise<never>
}

/** Something that happens once, to one activity of one session. */
export interface Fault {
  readonly name: string
  /** Of one kind, a short proof tries one per activity; unless named, it is of its own kind. */
  readonly kind?: string
  readonly place: Place
  /** Around which call of the backend, where it is not the one that the activity is for. */
  readonly call?: 'usage'
  happen(hands: Hands, visit: Visit): Promise<Answer>
  /** Ends that it may lead to, beside the usual one. */
  readonly ends?: readonly string[]
  /** It takes the worker with it. */
  readonly deadly?: true
  /** What it does only makes sense where a session is to end. */
  readonly stops?: true
  /** Its workflow must call the activity again: the session goes on by that alone. */
  readonly repeats?: true
}

const stopped = ['stopped:user']
const cancelled = ['stopped:admin']

/** What may happen to any activity, between two processes. */
export const anywhere: readonly Fault[] = [
  { name: 'fails before', place: 'before', repeats: true, happen: () => answer('fail') },
  { name: 'fails after its effect', place: 'after', repeats: true, happen: () => answer('fail') },
  {
    name: 'times out after its effect',
    place: 'after',
    repeats: true,
    happen: async (hands) => await goOn(hands.calledAgain()),
  },
  {
    name: 'times out, and takes effect when all is over',
    place: 'before',
    repeats: true,
    happen: async (hands) => await goOn(hands.over()),
  },
  { name: 'runs twice', kind: 'twice', place: 'before', happen: () => answer('run again') },
  { name: 'runs beside itself', kind: 'twice', place: 'before', happen: () => answer('run beside itself') },
  ...(['before', 'after'] as const).flatMap((place): Fault[] => [
    {
      name: `a stop comes ${place} its effect`,
      kind: 'cancelled',
      place,
      ends: stopped,
      stops: true,
      happen: async (hands) => await goOn(hands.stop().then(hands.heard)),
    },
    {
      name: `its run is cancelled ${place} its effect`,
      kind: 'cancelled',
      place,
      ends: cancelled,
      happen: async (hands) => await goOn(hands.cancel().then(hands.heard)),
    },
  ]),
]

/** What may happen between an activity and its backend. */
export const atBackend: readonly Fault[] = [
  { name: 'its backend does nothing', place: 'asking', happen: () => answer('fail') },
  { name: 'its backend’s answer is lost', place: 'answered', happen: () => answer('fail') },
  {
    name: 'times out, and reaches its backend when all is over',
    place: 'asking',
    repeats: true,
    happen: async (hands) => await goOn(hands.over()),
  },
  {
    name: 'a stop comes, and it reaches its backend when all is over',
    place: 'asking',
    ends: stopped,
    stops: true,
    happen: async (hands) => await goOn(hands.stop().then(hands.over)),
  },
  {
    name: 'a stop comes before its backend answers',
    place: 'answered',
    ends: stopped,
    stops: true,
    happen: async (hands) => await goOn(hands.stop().then(hands.heard)),
  },
]

/** The same around its question what was used, of which the rest must not depend. */
export const ofUsage = (fault: Fault): Fault => ({
  ...fault,
  name: `asked what was used: ${fault.name}`,
  kind: 'usage',
  call: 'usage',
})

/** For a session that is led, and to which nothing happens. */
export const nothing: Fault = { name: 'nothing', place: 'before', happen: () => answer('go on') }

const kill = (place: Place, when: string): Fault => ({
  name: `its worker is killed ${when}`,
  place,
  deadly: true,
  happen: async (hands) => await hands.killed(),
})

/** What takes a worker with it. */
export const deadlyAnywhere: readonly Fault[] = [kill('before', 'before its effect'), kill('after', 'after its effect')]
export const deadlyAtBackend: readonly Fault[] = [
  kill('asking', 'as it asks its backend'),
  kill('answered', 'before it knows what its backend did'),
]

const answer = async (word: Answer): Promise<Answer> => await Promise.resolve(word)
const goOn = async (waited: Promise<void>): Promise<Answer> => await waited.then(() => 'go on')
