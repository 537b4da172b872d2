import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { computeConformance } from '../conformance/compute.ts'
import type { MountHarness } from '../conformance/compute-harness.ts'
import { containerOf, inside, leftovers, openDocker, serverSpec, socketPath } from './docker-harness.ts'
import { openSocketProxy } from './socket-proxy.ts'

/** The making of a session's container, which has a name; the one that applies network rules has none. */
const create = /^POST \/containers\/create\?name=/

computeConformance('docker', { faults: true, mounts: true }, async () => {
  const proxy = await openSocketProxy(socketPath)
  const [provider, second] = [openDocker(), openDocker()]
  const faulty = openDocker({ dockerHost: `unix://${proxy.path}`, requestTimeoutMs: 4000 })
  const mounts = await openMountHarness()
  return {
    provider,
    another: () => second,
    specs: {
      server: serverSpec,
      exiting: (key, exitCode) => ({ ...serverSpec(key), command: ['sh', '-c', `exit ${exitCode}`] }),
      outOfMemory: (key) => ({ ...serverSpec(key), command: ['perl', '-e', '$x = "x" x (256 << 20)'] }),
      missingImage: (key) => ({ ...serverSpec(key), image: 'registry.invalid/carrel/none:1' }),
    },
    leftovers,
    faults: {
      provider: faulty,
      loseNextAnswer: () => proxy.loseAnswer(create),
      holdNextCreate: () => proxy.holdRequest(create),
      goDown: () => proxy.setHealth('down'),
      hang: () => proxy.setHealth('hanging'),
      recover: () => proxy.setHealth('up'),
    },
    mounts: mounts.harness,
    pageSize: null,
    limits: { startMs: 15_000, imageMissingMs: 5000, boundedMs: 15_000 },
    async close() {
      await faulty.close()
      await provider.close()
      await second.close()
      await proxy.close()
      await mounts.close()
    },
  }
})

/** Directories of this machine, which is the daemon's; root's own lie where only root can write. */
async function openMountHarness(): Promise<{ readonly harness: MountHarness; close(): Promise<void> }> {
  const root = await mkdtemp('/var/lib/carrel-test-')
  await chmod(root, 0o755)
  const holding = async (path: string, marker: string) => {
    await mkdir(path, { recursive: true })
    await writeFile(join(path, 'marker'), marker)
    return path
  }
  const forbidden = 'not for this session'
  const elsewhere = await holding(join(root, 'elsewhere'), forbidden)
  let count = 0
  return {
    harness: {
      safe: async () => ({
        hostPath: await holding(join(root, 'safe'), 'for this session'),
        marker: 'for this session',
      }),
      async swappable() {
        const shared = join(root, `shared-${count++}`)
        const hostPath = await holding(join(shared, 'data'), 'for this session')
        await chmod(shared, 0o777)
        const swap = async () => {
          await rename(hostPath, join(shared, 'away'))
          await symlink(elsewhere, hostPath)
        }
        return { hostPath, forbidden, swap }
      },
      async read(ref, target) {
        const text = await inside(await containerOf(ref), ['cat', `${target}/marker`])
        return text.includes('No such file') ? null : text
      },
    },
    close: () => rm(root, { recursive: true, force: true }),
  }
}
