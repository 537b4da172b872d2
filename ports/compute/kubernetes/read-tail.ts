/** The last `keptBytes` of a body of bytes, and no more of it in memory; `null` where it goes on beyond `maxBytes`. */
export async function readTail(
  body: AsyncIterable<unknown>,
  { keptBytes, maxBytes }: { readonly keptBytes: number; readonly maxBytes: number },
): Promise<Buffer | null> {
  let tail = Buffer.alloc(0)
  let size = 0
  for await (const chunk of body) {
    const bytes = chunk as Uint8Array // a body without encoding yields bytes
    size += bytes.length
    if (size > maxBytes) return null
    tail = Buffer.concat([tail, bytes]).subarray(-keptBytes)
  }
  return tail
}
