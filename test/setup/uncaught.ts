import { writeFile } from 'node:fs/promises'
import type { Reporter } from 'vitest/node'

/** Writes what nobody caught into the file that `TEST_UNCAUGHT` names: vitest's report of what passed and failed says nothing of it. */
export default class Uncaught implements Reporter {
  onTestRunEnd: NonNullable<Reporter['onTestRunEnd']> = async (_modules, errors) => {
    const file = process.env['TEST_UNCAUGHT']
    if (file !== undefined && errors.length > 0)
      await writeFile(file, errors.map(({ message, stack }) => stack ?? message).join('\n'))
  }
}
