/**
 * Answers all who ask the same at the same time by one run: at once where nobody else asks it; else whoever asks while one is
 * under way is answered by the next, which begins when that one has ended. What is answered is never from before it was asked.
 * An ask is the same as another if its JSON is.
 */
export function alike<Ask, Answer>(run: (ask: Ask) => Promise<Answer>): (ask: Ask) => Promise<Answer> {
  const underWay = new Map<string, Promise<Answer>>()
  const next = new Map<string, Promise<Answer>>()

  const begin = (key: string, ask: Ask): Promise<Answer> => {
    next.delete(key)
    const running = run(ask).finally(() => {
      if (underWay.get(key) === running) underWay.delete(key)
    })
    underWay.set(key, running)
    return running
  }

  return async (ask) => {
    const key = JSON.stringify(ask)
    const waiting = next.get(key)
    if (waiting !== undefined) return await waiting
    const before = underWay.get(key)
    if (before === undefined) return await begin(key, ask)
    const after = before.then(
      () => begin(key, ask),
      () => begin(key, ask),
    )
    next.set(key, after)
    return await after
  }
}
