import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { inject } from 'vitest'

/** Runs `npm run workers -- …` against a namespace of the tests' Temporal. Returns what it says. */
export async function byCommand(namespace: string, ...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['stack/workers.ts', ...words], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    env: { CARREL_TEMPORAL_ADDRESS: inject('temporalAddress'), CARREL_TEMPORAL_NAMESPACE: namespace },
    timeout: 90_000,
  })
  return stdout
}
