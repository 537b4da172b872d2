import pg from 'pg'

const usualPatienceMs = 10_000

export interface TogetherLimits {
  /** How many statements are under way at a time. */
  readonly atOnce: number
  /** How many are answered by one of them. */
  readonly most: number
  /** Nobody's asking begins later than this after they came, ms. */
  readonly patienceMs?: number
}

interface Waiting<Ask, Answer> {
  readonly ask: Ask
  /** When it is too late to begin. */
  readonly until: number
  /** Not with others: the server refused them for the sake of one. */
  readonly alone: boolean
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/**
 * Answers many who ask at the same time by one statement: at once where it is quiet; else whoever asks while others are being
 * answered waits for one of these to be, and is answered with all who wait. What is answered is never from before it was asked.
 * `run` answers in the order of what is asked. Where the server refuses all for the sake of one, each is asked alone, as many at
 * a time as ever, and only that one is refused. Whoever could not be asked for in time is refused as where the server is away.
 */
export function together<Ask, Answer>(
  { atOnce, most, patienceMs = usualPatienceMs }: TogetherLimits,
  run: (asks: readonly Ask[]) => Promise<readonly Answer[]>,
  now: () => number = () => performance.now(),
): (ask: Ask) => Promise<Answer> {
  const waiting: Waiting<Ask, Answer>[] = []
  let underWay = 0

  const settle = async (some: readonly Waiting<Ask, Answer>[]): Promise<void> => {
    try {
      const answers = await run(some.map(({ ask }) => ask))
      if (answers.length !== some.length) throw new Error('An answer is missing, or one too many.')
      for (const [index, { resolve }] of some.entries()) resolve(answers[index] as Answer)
    } catch (error) {
      if (some.length > 1 && mayBeForOne(error)) waiting.unshift(...some.map((one) => ({ ...one, alone: true })))
      else for (const { reject } of some) reject(error)
    }
  }

  const next = (): void => {
    const time = now()
    // Whoever came first stands first.
    while ((waiting[0]?.until ?? Infinity) <= time) waiting.shift()?.reject(tooLate())
    while (waiting.length > 0 && underWay < atOnce) {
      underWay += 1
      void settle(waiting.splice(0, waiting[0]?.alone === true ? 1 : most)).finally(() => {
        underWay -= 1
        next()
      })
    }
  }

  return async (ask) =>
    await new Promise((resolve, reject) => {
      waiting.push({ ask, until: now() + patienceMs, alone: false, resolve, reject })
      next()
    })
}

/** Connections, sign-in, what the server lacks, its ending, its disk, and that it may only read: these are not for what one asks. */
const forAll = /^(08|25006|28|3D|53|57P|58)/

const mayBeForOne = (error: unknown): boolean => error instanceof pg.DatabaseError && !forAll.test(error.code ?? '')

const tooLate = (): Error =>
  Object.assign(new Error('The database was busy with others for too long.'), { code: 'ETIMEDOUT' })
