import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** One file with every certificate authority that the machine was told to trust, for pip; `null` if there is none. */
export async function gatherAuthorities(files: readonly string[], directory: string): Promise<string | null> {
  const texts = await Promise.all([...new Set(files)].map((file) => readFile(file, 'utf8').catch(() => '')))
  const all = texts.filter((text) => text.includes('BEGIN CERTIFICATE'))
  if (all.length === 0) return null
  const bundle = join(directory, 'authorities.pem')
  await writeFile(bundle, all.join('\n'))
  return bundle
}
