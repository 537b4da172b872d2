import { Refusal } from './refusal.ts'

/**
 * As `Promise.all`, but waits for all of them, however they end: where one fails none goes on behind the answer. Throws what the
 * first of them threw that failed; a refusal counts before an error.
 */
export async function allOf<const T extends readonly unknown[] | []>(
  deeds: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const all: readonly unknown[] = deeds
  const reasons = (await Promise.allSettled(all)).flatMap((end): unknown[] =>
    end.status === 'rejected' ? [end.reason] : [],
  )
  if (reasons.length > 0) throw reasons.find((reason) => reason instanceof Refusal) ?? reasons[0]
  return await Promise.all(deeds)
}
