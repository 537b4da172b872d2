/** Waits until it is so, at most 15 s unless told otherwise. */
export async function eventually(so: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await so())) {
    if (Date.now() > deadline) throw new Error(`not so within ${withinMs} ms: ${so.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
