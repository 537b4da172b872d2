/** Does something with each of the things, at most `atOnce` beside each other; the answers are in the order of the things. */
export async function inTurns<T, R>(
  things: readonly T[],
  atOnce: number,
  deed: (thing: T, place: number) => Promise<R>,
): Promise<R[]> {
  const answers: R[] = []
  const rest = things.entries()
  const lane = async () => {
    for (const [place, thing] of rest) answers[place] = await deed(thing, place)
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return answers
}
