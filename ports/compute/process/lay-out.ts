import { randomUUID } from 'node:crypto'
import { chmod, chown, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deleteTree, syncDirectory, writeDurably } from './files.ts'
import { keyOf, placesOf, type Places } from './places.ts'
import type { InstanceRecord, RunAs } from './record.ts'

/** Makes the directory aside and renames it into place: it is there whole, or not at all. */
export async function layOut(
  record: InstanceRecord,
  texts: { readonly launch: string; readonly secret: string },
  places: Places,
  asRoot: boolean,
): Promise<void> {
  const key = keyOf(record)
  const aside = placesOf(join(places.staging, `${key}.${randomUUID()}`))
  try {
    await mkdir(aside.directory, { mode: 0o711 })
    await chmod(aside.directory, 0o711) // whatever the umask: the instance's user passes through, and lists nothing
    const owned = asRoot ? record.runAs : null
    for (const directory of [aside.home, aside.temporary])
      await give(directory, owned, () => mkdir(directory, { mode: 0o700 }))
    await give(aside.secret, owned, () => writeFile(aside.secret, texts.secret, { mode: 0o400, flag: 'wx' }))
    await give(aside.launch, owned, () => writeFile(aside.launch, texts.launch, { mode: 0o400, flag: 'wx' }))
    await writeDurably(aside.record, JSON.stringify(record), 0o600)
    await rename(aside.directory, places.instance(key).directory)
    await syncDirectory(places.instances)
  } catch (error) {
    await deleteTree(aside.directory)
    throw error
  }
}

async function give(path: string, owner: RunAs | null, make: () => Promise<unknown>): Promise<void> {
  await make()
  if (owner !== null) await chown(path, owner.uid, owner.gid)
}
