import { readFileSync } from 'node:fs'

/** One exchange recorded from a running Guacamole 1.6.0; `<…>` in it are placeholders, ids and times are examples. */
export interface Exchange {
  readonly name: string
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
  }
  readonly response: {
    readonly status: number
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
  }
}

const file = new URL('exchanges.json', import.meta.url)

// The file is ours, and the replay would fail on any other shape.
export const exchanges = JSON.parse(readFileSync(file, 'utf8')) as readonly Exchange[]

/** The exchange of this name. Throws where there is none. */
export function exchange(name: string): Exchange {
  const found = exchanges.find((e) => e.name === name)
  if (found === undefined) throw new Error(`no exchange ${name}`)
  return found
}
