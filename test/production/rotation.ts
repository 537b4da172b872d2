import { longLived, up } from './install.ts'
import type { Admin } from './people.ts'
import type { Installation } from './site.ts'

/** Changes the key while a session runs, step by step as docs/configuration.md says. Breaches in words. */
export async function tryRotation(
  installation: Installation,
  admin: Admin,
  absent: readonly string[],
  say: (line: string) => void,
): Promise<string[]> {
  const breaches: string[] = []
  const keys = async (...words: string[]) => {
    const told = await installation.run([
      'run',
      '--rm',
      '--no-deps',
      '-T',
      'worker-core',
      'node',
      'stack/keys.ts',
      ...words,
    ])
    for (const line of told.trimEnd().split('\n')) say(`  ${line}`)
    return told
  }
  const restart = async () => {
    await up(installation, absent)
    await installation.untilHealthy(longLived)
  }
  const id = await admin.start('through a change of the key')
  await admin.until(id, ['ready'])
  await installation.setKeys((all, fresh) => `${all},k2:${fresh}`)
  await restart()
  await installation.setKeys((all) => all.split(',').toReversed().join(','))
  await restart()
  const changed = new Date()
  const rotated = await keys('rotate')
  if (!/[1-9]\d* rows were encrypted with the current key/.test(rotated)) breaches.push('nothing was encrypted again')
  if (!/sealed rows: now/.test(rotated)) breaches.push('sealed rows still need the old key')
  const early = await keys('status', '--before', changed.toISOString())
  if (!/Temporal: [1-9]\d* running/.test(early)) breaches.push('the running session does not count')
  await admin.stop(id)
  const end = await admin.until(id, ['stopped', 'failed'])
  if (end !== 'stopped/user') breaches.push(`the session ended as ${end}`)
  return breaches
}
