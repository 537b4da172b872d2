/** One file or directory (`content: null`) of an archive. Paths are relative, at most 100 bytes. */
export interface TarEntry {
  readonly path: string
  readonly content: Buffer | null
  readonly mode: number
  readonly uid?: number
  readonly gid?: number
}

const block = 512

/** A POSIX ustar archive; the same entries make the same bytes. Throws on a path that does not fit. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = entry.content ?? Buffer.alloc(0)
    return [header(entry, content.length), content, Buffer.alloc((block - (content.length % block)) % block)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

function header({ path, content, mode, uid = 0, gid = 0 }: TarEntry, size: number): Buffer {
  const bytes = Buffer.alloc(block)
  const name = content === null && !path.endsWith('/') ? `${path}/` : path
  if (Buffer.byteLength(name) > 100) throw new RangeError('a path that is too long for the archive')
  const octal = (value: number, offset: number, width: number) =>
    bytes.write(value.toString(8).padStart(width - 1, '0'), offset, 'latin1')
  bytes.write(name, 0)
  octal(mode, 100, 8)
  octal(uid, 108, 8)
  octal(gid, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  bytes.write(' '.repeat(8), 148, 'latin1')
  bytes.write(content === null ? '5' : '0', 156, 'latin1')
  bytes.write('ustar\x0000', 257, 'latin1')
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  bytes[154] = 0
  return bytes
}

/** The content of the first regular file of an archive; `null` where there is none. Reads what `tar` and the daemon write. */
export function firstFile(archive: Buffer): Buffer | null {
  for (let at = 0; at + block <= archive.length;) {
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 136), 8) || 0
    const type = archive.toString('latin1', at + 156, at + 157)
    if (archive[at] === 0) return null // the end
    const from = at + block
    if (type === '0' || type === '\0') return archive.subarray(from, from + size)
    at = from + Math.ceil(size / block) * block
  }
  return null
}
