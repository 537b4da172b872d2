import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Facets, MountHarness } from '../conformance/compute-facets.ts'
import type { ComputeHarness } from '../conformance/compute-harness.ts'
import { httpFaults } from '../conformance/http-faults.ts'
import { createFaultProxy } from '../support/fault-proxy.ts'
import { containerOf, inside, leftovers, manyContainers, openDocker, serverSpec, socketPath } from './docker-harness.ts'

export const dockerCan: Facets = { faults: true, mounts: true, http: true, many: true, refusals: ['unschedulable'] }

/** The daemon of this machine, as the conformance suite needs it. */
export async function dockerHarness(): Promise<ComputeHarness> {
  const proxy = await createFaultProxy({ target: `unix://${socketPath}` })
  const [provider, second] = [openDocker(), openDocker()]
  const faulty = openDocker({ dockerHost: proxy.url.replace('http:', 'tcp:'), requestTimeoutMs: 8000 })
  const mounts = await openMountHarness()
  return {
    provider,
    another: () => second,
    specs: {
      server: serverSpec,
      exiting: (key, exitCode) => ({ ...serverSpec(key), command: ['sh', '-c', `exit ${exitCode}`] }),
      outOfMemory: (key) => ({ ...serverSpec(key), command: ['perl', '-e', '$x = "x" x (256 << 20)'] }),
      missingImage: (key) => ({ ...serverSpec(key), image: 'registry.invalid/carrel/none:1' }),
      refused: {
        unschedulable: (key) => {
          const spec = serverSpec(key)
          return { ...spec, resources: { ...spec.resources, cpuMilli: 1_000_000 } }
        },
      },
    },
    leftovers,
    faults: httpFaults({
      provider: faulty,
      proxies: [proxy],
      // The making of a session's container, which has a name; the one that applies network rules has none.
      creating: (method, path) => method === 'POST' && path.startsWith('/containers/create?name='),
      removing: (method, path) => method === 'DELETE' && path.startsWith('/containers/'),
    }),
    many: manyContainers,
    mounts: mounts.harness,
    pageSize: null,
    limits: { startMs: 30_000, imageMissingMs: 10_000, boundedMs: 30_000 },
    async close() {
      await faulty.close()
      await provider.close()
      await second.close()
      await proxy.close()
      await mounts.close()
    },
  }
}

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
        source: { hostPath: await holding(join(root, 'safe'), 'for this session') },
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
      write: async (ref, target) => await inside(await containerOf(ref), ['sh', '-c', `echo other > ${target}/marker`]),
    },
    close: () => rm(root, { recursive: true, force: true }),
  }
}
