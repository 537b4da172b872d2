/** Waits for the promise, and no longer than the signal allows; what comes of it afterwards is nobody's business. Rejects with the signal's reason. */
export async function untilAborted<T>(promised: Promise<T>, signal: AbortSignal): Promise<T> {
  promised.catch(() => undefined)
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const give = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
  signal.addEventListener('abort', give, { once: true })
  try {
    return await Promise.race([promised, aborted])
  } finally {
    signal.removeEventListener('abort', give)
  }
}
