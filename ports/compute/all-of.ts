/**
 * As `Promise.all`, but waits for all of them, however they end: where one fails none goes on behind the answer. Throws what the
 * first of them threw that failed.
 */
export async function allOf<T extends readonly unknown[] | []>(
  deeds: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const all: readonly unknown[] = deeds
  for (const end of await Promise.allSettled(all)) if (end.status === 'rejected') throw end.reason
  return await Promise.all(deeds)
}
