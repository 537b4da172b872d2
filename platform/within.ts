/** What the work comes to. Rejects when it takes longer; what it comes to then is nobody's any more. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}
