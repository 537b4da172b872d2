import { EngineError } from './engine.ts'
import type { Engine } from './engine.ts'
import type { DockerSettings } from './settings.ts'
import { infoShape } from './shapes.ts'

/** Whether the daemon's storage driver limits a container's writable layer; found out once, when first needed. */
export interface DiskLimit {
  /** `true` once a limit has been taken. */
  readonly works: boolean
  /** Runs a deed with a limit where that may work, and again without one where the daemon says that it does not. */
  attempt(signal: AbortSignal, deed: (limitDisk: boolean) => Promise<void>): Promise<void>
}

/** Drivers that always can; overlay2 can on xfs with project quotas, which only trying tells. */
const able = new Set(['btrfs', 'zfs', 'devicemapper', 'windowsfilter'])

export function createDiskLimit(engine: Engine, setting: DockerSettings['diskLimit']): DiskLimit {
  let may: boolean | null = setting === 'off' ? false : null
  let works = false

  async function storageMay(signal: AbortSignal): Promise<boolean> {
    const { Driver, DriverStatus } = await engine.json('GET', '/info', infoShape, signal)
    const filesystem = DriverStatus.find(([name]) => name === 'Backing Filesystem')?.[1]
    return able.has(Driver) || (Driver === 'overlay2' && filesystem === 'xfs')
  }

  return {
    get works() {
      return works
    },
    async attempt(signal, deed) {
      may ??= await storageMay(signal)
      try {
        await deed(may)
        works ||= may
      } catch (error) {
        if (!may || !(error instanceof EngineError) || !/storage-opt|storage option/i.test(error.message)) throw error
        may = false
        await deed(false)
      }
    },
  }
}
