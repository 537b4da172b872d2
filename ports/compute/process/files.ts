import { randomUUID } from 'node:crypto'
import { chmod, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The file's text; `null` if there is no such file. */
export async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** Writes so that a crash at any moment leaves the old text or the new one, whole. */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}`
  await writeDurably(fresh, text, 0o600)
  await rename(fresh, path)
  await syncDirectory(dirname(path))
}

/** Writes a new file and waits until it is on the disk. */
export async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode)
  await file.writeFile(text)
  await file.sync()
}

export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r')
  await directory.sync()
}

/** Deletes a directory and all in it; links are deleted, never followed. Absent is success. */
export async function deleteTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    if (systemCodeOf(error) !== 'EACCES') throw error
    await makeWritable(path) // a package's read-only directories stop everybody but root
    await rm(path, { recursive: true, force: true })
  }
}

async function makeWritable(directory: string): Promise<void> {
  await chmod(directory, 0o700)
  const entries = await readdir(directory, { withFileTypes: true })
  for (const entry of entries) if (entry.isDirectory()) await makeWritable(join(directory, entry.name))
}

/** The system's code of an error (`ENOENT`, `EACCES`, …), if it has one. */
export function systemCodeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/** The system's words, for operators. */
export const detailOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown').slice(0, 500)
