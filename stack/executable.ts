import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** The directories of a PATH. */
export const directoriesOf = (path: string): string[] => path.split(delimiter).filter((entry) => entry !== '')

/** The first of the directories' files of this name that may be run. */
export async function findExecutable(name: string, directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    const file = join(directory, name)
    if (await isExecutable(file)) return file
  }
  return undefined
}

export async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}
