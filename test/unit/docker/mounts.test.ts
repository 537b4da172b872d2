import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkMounts } from '../../../ports/compute/docker/mounts.ts'

const local = { dockerHost: 'unix:///run/docker.sock', mountCheck: undefined, mountRoots: [] }
const verdict = async (hostPath: string, settings: Parameters<typeof checkMounts>[1] = local) =>
  (await checkMounts([{ hostPath, target: '/mnt', mode: 'ro' }], settings)).kind

test('on another machine a mount is a root or stands directly in one', async () => {
  const remote = { dockerHost: 'tcp://192.0.2.1:2376', mountCheck: undefined, mountRoots: ['/data', '/home'] }
  expect(await verdict('/data', remote)).toBe('checked')
  expect(await verdict('/data/run7', remote)).toBe('checked')
  for (const path of ['/data/run7/link', '/data/../etc', '/etc', '/', 'data', '/database'])
    expect(await verdict(path, remote)).toBe('refused')
})

test('a place that users can write in is refused on this machine, and so are links, files and what is not there', async () => {
  const shared = await mkdtemp('/tmp/carrel-mounts-')
  await mkdir(join(shared, 'data'))
  for (const path of [join(shared, 'data'), '/', '/etc/passwd', '/no/such/place', 'relative', '/usr/../etc'])
    expect(await verdict(path)).toBe('refused')
  expect(await verdict('/usr/share')).toBe('checked')
  expect(await verdict('/usr/share', { ...local, mountRoots: ['/var'] })).toBe('refused')
  await rm(shared, { recursive: true })
})

test.runIf(process.getuid?.() === 0)(
  'as root: whoever owns a directory on the way could swap what is below',
  async () => {
    const root = await mkdtemp('/var/lib/carrel-mounts-')
    const [own, below] = [join(root, 'own'), join(root, 'own/below')]
    await mkdir(below, { recursive: true })
    await chmod(root, 0o755)
    await symlink(below, join(root, 'link'))
    await writeFile(join(root, 'file'), '')
    expect(await verdict(below)).toBe('checked')
    expect(await verdict(join(root, 'link'))).toBe('refused')
    expect(await verdict(join(root, 'file'))).toBe('refused')
    await chown(own, 4711, 4711)
    expect(await verdict(below)).toBe('refused')
    expect(await verdict(own)).toBe('checked')
    await rm(root, { recursive: true })
  },
)

test('a volume is no directory of the daemon’s machine', async () => {
  const mounts = [{ volume: { kind: 'claim' as const, claim: 'archive' }, target: '/mnt', mode: 'ro' as const }]
  expect(await checkMounts(mounts, local)).toMatchObject({ kind: 'refused', why: expect.stringContaining('volume') })
})
