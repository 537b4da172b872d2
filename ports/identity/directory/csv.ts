import { readFile, stat } from 'node:fs/promises'
import { readTable } from '../catalogue/csv/table.ts'
import type { Directory, DirectoryAnswer } from './directory.ts'

const maxBytes = 16 * 1024 * 1024
const columns = ['login', 'user', 'uid', 'gid', 'gids'] as const
type Column = (typeof columns)[number]
type Line = Readonly<Record<Column, string>>

/** What was read of the file, and of which state of it. */
interface Read {
  readonly changedAt: number
  readonly size: number
  readonly lines: ReadonlyMap<string, readonly Line[]> | null
}

/** A file that the site writes: `login,user,uid,gid,gids`, groups apart by blanks. It is read again when it has changed. */
export function createCsvDirectory({ file }: { readonly file: string }): Directory {
  let last: Read | null = null
  const current = async (): Promise<Read['lines']> => {
    const { mtimeMs: changedAt, size } = await stat(file)
    if (last?.changedAt !== changedAt || last.size !== size)
      last = { changedAt, size, lines: size > maxBytes ? null : linesOf(await readFile(file, 'utf8')) }
    return last.lines
  }
  return {
    async lookUp(login): Promise<DirectoryAnswer> {
      const lines = await current().catch(() => null)
      if (lines === null)
        return {
          kind: 'unavailable',
          detail: `The file cannot be read, is cut off, has more than ${maxBytes / 1024 / 1024} MiB, or its first line is not ${columns.join(',')}.`,
        }
      const [line, ...more] = lines.get(login) ?? []
      if (line === undefined) return { kind: 'absent' }
      if (more.length > 0) return { kind: 'ambiguous' }
      return { kind: 'found', words: { user: line.user, uid: line.uid, gid: line.gid, gids: line.gids } }
    },
  }
}

function linesOf(text: string): Read['lines'] {
  const [header, ...rows] = readTable(text) ?? []
  const names = header?.map((name) => name.trim().toLowerCase()) ?? []
  if (names.length !== columns.length || columns.some((column) => !names.includes(column))) return null
  const lines = new Map<string, Line[]>()
  for (const row of rows) {
    const word = (column: Column) => (row[names.indexOf(column)] ?? '').trim()
    const line = { login: word('login'), user: word('user'), uid: word('uid'), gid: word('gid'), gids: word('gids') }
    if (line.login !== '') lines.set(line.login, [...(lines.get(line.login) ?? []), line])
  }
  return lines
}
