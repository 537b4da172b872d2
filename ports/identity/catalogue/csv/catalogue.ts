import { readFile, stat } from 'node:fs/promises'
import type { Catalogue } from '../catalogue.ts'
import { gapOf, listed } from '../catalogue.ts'
import { columns, readRows } from './rows.ts'
import { readTable } from './table.ts'

const maxBytes = 64 * 1024 * 1024

/** A file that the site writes. It is read whole at each sync; one that does not end with a line is still being written. */
export function createCsv({ file }: { readonly file: string }): Catalogue {
  return {
    extent: 'whole',
    async list(_ask, rules, signal) {
      const text = await readText(file, signal)
      if (text === null)
        return gapOf('away', `The file cannot be read, or has more than ${maxBytes / 1024 / 1024} MiB.`)
      const [header, ...rows] = readTable(text) ?? []
      if (header === undefined) return gapOf('away', 'The file is empty, or cut off.')
      const names = header.map((name) => name.trim().toLowerCase())
      const unknown = names.find((name) => !columns.some((column) => column === name))
      if (unknown !== undefined || !names.includes('project') || new Set(names).size < names.length)
        return gapOf('away', `Its first line must name columns of: ${columns.join(', ')}; project among them.`)
      return listed(readRows(rows, names, rules))
    },
  }
}

async function readText(file: string, signal: AbortSignal): Promise<string | null> {
  try {
    if ((await stat(file)).size > maxBytes) return null
    return await readFile(file, { encoding: 'utf8', signal })
  } catch {
    signal.throwIfAborted()
    return null
  }
}
