import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import { partLabel } from './names.ts'
import type { DockerSettings } from './settings.ts'
import { imageListShape, infoShape, madeShape } from './shapes.ts'

/** Whether the daemon's storage driver limits a container's writable layer. */
export interface DiskLimit {
  /** `true` once that is known: what `capabilities.diskLimit` says. */
  readonly works: boolean
  /** Finds it out beside what goes on, where nobody knows yet. What could not be found out is asked again a minute later. */
  learn(): void
  /** Leaves off, and returns when nothing of it is under way. */
  stop(): Promise<void>
  /** Runs a deed with a limit where that may work, and again without one where the daemon says that it does not. */
  attempt(signal: AbortSignal, deed: (limitDisk: boolean) => Promise<void>): Promise<void>
}

/** Drivers that always can; overlay2 can on xfs with project quotas, which only trying tells. */
const able = new Set(['btrfs', 'zfs', 'devicemapper', 'windowsfilter'])
const part = 'disk'
const againMs = 60_000
const learningMs = 60_000
const removingMs = 10_000
const tooSmallToMatter = '64M'

export function createDiskLimit(
  engine: Engine,
  setting: DockerSettings['diskLimit'],
  now: () => number = Date.now,
): DiskLimit {
  /** Whether a limit is worth a try; `null`: nobody has asked. */
  let may: boolean | null = setting === 'off' ? false : null
  let works = false
  let learning: Promise<void> | null = null
  let askedAt = -Infinity
  const stopping = new AbortController()

  async function storage(signal: AbortSignal): Promise<'able' | 'perhaps' | 'unable'> {
    const { Driver, DriverStatus } = await engine.json('GET', '/info', infoShape, signal)
    if (able.has(Driver)) return 'able'
    const filesystem = DriverStatus.find(([name]) => name === 'Backing Filesystem')?.[1]
    return Driver === 'overlay2' && filesystem === 'xfs' ? 'perhaps' : 'unable'
  }

  async function find(signal: AbortSignal): Promise<void> {
    const means = await storage(signal)
    may ??= means !== 'unable'
    if (means === 'able') works = true
    else if (may) await attempt(signal, async (limitDisk) => (limitDisk ? await tryOne(engine, signal) : undefined))
  }

  async function attempt(signal: AbortSignal, deed: (limitDisk: boolean) => Promise<void>): Promise<void> {
    may ??= (await storage(signal)) !== 'unable'
    try {
      await deed(may)
      works ||= may
    } catch (error) {
      if (!may || !(error instanceof EngineError) || !/storage-opt|storage option/i.test(error.message)) throw error
      may = false
      await deed(false)
    }
  }

  return {
    get works() {
      return works
    },
    learn() {
      if (works || may === false || learning !== null || now() - askedAt < againMs) return
      askedAt = now()
      learning = find(AbortSignal.any([stopping.signal, AbortSignal.timeout(learningMs)]))
        .catch(() => undefined)
        .finally(() => (learning = null))
    },
    async stop() {
      stopping.abort()
      await learning
    },
    attempt,
  }
}

/**
 * Makes a container with a limit, of whatever image there is, and removes it: it never runs. Throws `EngineError`, and so also
 * where there is no image to try with.
 */
async function tryOne(engine: Engine, signal: AbortSignal): Promise<void> {
  const [image] = await engine.json('GET', '/images/json', imageListShape, signal)
  if (image === undefined) throw new EngineError(404, 'there is no image yet')
  const filters = JSON.stringify({ label: [`${partLabel}=${part}`], until: ['2m'] })
  // What a worker left that was killed in between.
  await engine.done('POST', '/containers/prune', signal, { query: { filters } }).catch(() => undefined)
  const body = {
    Image: image.Id,
    Cmd: ['true'],
    Labels: { [partLabel]: part },
    HostConfig: { NetworkMode: 'none', StorageOpt: { size: tooSmallToMatter } },
  }
  const { Id } = await engine.json('POST', '/containers/create', madeShape, signal, { body })
  // Whoever leaves off takes away what there is.
  await engine.done('DELETE', `/containers/${Id}`, AbortSignal.timeout(removingMs), { query: { force: true, v: true } })
}
