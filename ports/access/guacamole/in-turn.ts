/** Runs deeds one after the other, each with its own outcome. */
export type InTurn = <T>(deed: () => Promise<T>) => Promise<T>

export function createInTurn(): InTurn {
  let last: Promise<unknown> = Promise.resolve()
  return async (deed) => {
    const mine = last.then(deed, deed)
    last = mine.catch(() => {})
    return await mine
  }
}
