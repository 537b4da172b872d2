import pg from 'pg'

export interface TogetherLimits {
  /** How many statements are under way at a time. */
  readonly atOnce: number
  /** How many are answered by one of them. */
  readonly most: number
}

/**
 * Answers many who ask at the same time by one statement: at once where it is quiet; else whoever asks while others are being
 * answered waits for one of these to be, and is answered with all who wait. What is answered is never from before it was asked.
 * `run` answers in the order of what is asked. Where the server refuses all for the sake of one, each is asked alone, and only
 * that one is refused.
 */
export function together<Ask, Answer>(
  { atOnce, most }: TogetherLimits,
  run: (asks: readonly Ask[]) => Promise<readonly Answer[]>,
): (ask: Ask) => Promise<Answer> {
  interface Waiting {
    readonly ask: Ask
    readonly resolve: (answer: Answer) => void
    readonly reject: (error: unknown) => void
  }
  const waiting: Waiting[] = []
  let underWay = 0

  const settle = async (some: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await run(some.map(({ ask }) => ask))
      if (answers.length !== some.length) throw new Error('An answer is missing, or one too many.')
      for (const [index, { resolve }] of some.entries()) resolve(answers[index] as Answer)
    } catch (error) {
      const alone = some.length > 1 && error instanceof pg.DatabaseError
      if (alone) await Promise.all(some.map(async (one) => await settle([one])))
      else for (const { reject } of some) reject(error)
    }
  }

  const next = (): void => {
    if (waiting.length === 0 || underWay >= atOnce) return
    underWay += 1
    void settle(waiting.splice(0, most)).finally(() => {
      underWay -= 1
      next()
    })
  }

  return async (ask) =>
    await new Promise((resolve, reject) => {
      waiting.push({ ask, resolve, reject })
      next()
    })
}
