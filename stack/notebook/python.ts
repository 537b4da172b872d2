import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'

export interface Python {
  readonly executable: string
  readonly version: readonly [number, number]
  /** Where its library lies. */
  readonly prefix: string
  /** Whether it can put pip into a new environment by itself. */
  readonly hasEnsurepip: boolean
}

const oldest = 9
const lookMs = 10_000
const look = `import json, sys, importlib.util
print(json.dumps({
  "executable": sys.executable,
  "version": list(sys.version_info[:2]),
  "prefix": sys.base_prefix,
  "hasEnsurepip": importlib.util.find_spec("ensurepip") is not None,
}))`
const answer = z.object({
  executable: z.string().min(1),
  version: z.tuple([z.int(), z.int()]),
  prefix: z.string().min(1),
  hasEnsurepip: z.boolean(),
})

/**
 * Pythons of version 3.9 or later, as they call themselves (what is on the PATH may be a stand-in): those with ensurepip
 * first, else in the PATH's order.
 */
export async function findPythons(path: string): Promise<Python[]> {
  const directories = new Set(path.split(delimiter).filter((entry) => entry.startsWith('/')))
  const found = await Promise.all([...directories].map((directory) => askPython(join(directory, 'python3'))))
  const usable = found.filter((p) => p !== null).filter(({ version: [major, minor] }) => major === 3 && minor >= oldest)
  return usable
    .filter((p, i) => usable.findIndex((q) => q.executable === p.executable) === i)
    .toSorted((a, b) => Number(b.hasEnsurepip) - Number(a.hasEnsurepip))
}

async function askPython(command: string): Promise<Python | null> {
  try {
    await access(command, constants.X_OK)
    const { stdout } = await promisify(execFile)(command, ['-I', '-c', look], { timeout: lookMs, maxBuffer: 10_000 })
    return answer.parse(JSON.parse(stdout))
  } catch {
    return null // no Python, or one that doesn't work: not this one
  }
}
