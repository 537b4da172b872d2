/**
 * Reads a body of bytes, `maxBytes` of it at most. What lies beyond is left out where that is enough (`cut`), or else fails with
 * this error.
 */
export async function readAll(
  body: AsyncIterable<unknown>,
  maxBytes: number,
  beyond: 'cut' | (() => Error),
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk as Uint8Array) // a body without encoding yields bytes
    chunks.push(bytes)
    size += bytes.length
    if (size > maxBytes && beyond !== 'cut') throw beyond()
    if (size >= maxBytes && beyond === 'cut') break
  }
  return Buffer.concat(chunks).subarray(0, maxBytes)
}
