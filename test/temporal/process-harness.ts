import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProcessProvider } from '../../ports/compute/process/provider.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'
import type { ProcessSettings } from '../../ports/compute/process/settings.ts'
import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import type { ComputeHarness, InstanceKey } from '../conformance/compute-harness.ts'
import { plainSpec } from '../setup/plain-spec.ts'

export type Bwrap = ProcessSettings['bwrap']

/** Whether the sandbox can be tried here. */
export const hasBwrap = spawnSync('bwrap', ['--ro-bind', '/', '/', '--unshare-pid', 'true']).status === 0

const server = `const http = require('node:http')
http.createServer((q, a) => a.end('ok')).listen(process.env.PORT, '127.0.0.1', () => console.log('listening'))`

/** A provider with a state directory of its own, which any user may pass through. */
export async function processStand(bwrap: Bwrap, more: Partial<ProcessSettings> = {}) {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'carrel-process-'))
  await chmod(stateDirectory, 0o711)
  const node = process.execPath
  const settings = processSettings.parse({
    stateDirectory,
    bwrap,
    images: {
      server: { command: [node, '-e', server], readable: [join(node, '../..')] },
      shell: { command: ['sh', '-c', 'exit 0'], anyCommand: true },
      gone: { command: ['/nowhere/program'] },
    },
    ...more,
  })
  const open: ComputeProvider[] = []
  const another = () => {
    const provider = createProcessProvider(settings, { networks: ['127.0.0.0/8'] })
    open.push(provider)
    return provider
  }
  return {
    stateDirectory,
    settings,
    provider: another(),
    another,
    async close() {
      for (const provider of open) await provider.close()
      await rm(stateDirectory, { recursive: true, force: true })
    },
  }
}

export function specOf(key: InstanceKey, image: string, command: readonly string[] | null = null): InstanceSpec {
  return {
    ...key,
    ...plainSpec,
    image,
    command,
    secret: 'sesame',
    resources: { sessions: 1, cpuMilli: 1_000, memoryMib: 1_024, diskMib: 100, gpus: 0 },
    egress: 'internet',
  }
}

export const shell = (key: InstanceKey, script: string): InstanceSpec => specOf(key, 'shell', ['sh', '-c', script])

/** Every living process whose environment names the instance, and every file of the deployment below the directory. */
export function leftoversIn(stateDirectory: string, deploymentId: string): string[] {
  const hash = createHash('sha256').update(deploymentId).digest('hex').slice(0, 12)
  const ours = ['instances', 'staging', 'trash'].flatMap((folder) =>
    readdirSync(join(stateDirectory, folder))
      .filter((entry) => entry.includes(hash))
      .map((entry) => join(stateDirectory, folder, entry)),
  )
  return [...ours, ...processesWith(`CARREL_DEPLOYMENT=${deploymentId}`)]
}

/** Processes, as `pid command`, whose environment holds the text. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text)) return []
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`]
      } catch {
        return [] // it ended while it was looked at
      }
    })
}

export async function processHarness(bwrap: Bwrap): Promise<ComputeHarness> {
  const stand = await processStand(bwrap)
  const mine = (spec: InstanceSpec): InstanceSpec => ({
    ...spec,
    environment: { CARREL_DEPLOYMENT: spec.deploymentId },
  })
  return {
    provider: stand.provider,
    another: stand.another,
    specs: {
      server: (key) => mine(specOf(key, 'server')),
      exiting: (key, exitCode) => mine(shell(key, `exit ${exitCode}`)),
      missingImage: (key) => mine(specOf(key, 'nothing-of-this-name')),
      // Nothing runs as root.
      refused: { start_failed: (key) => mine({ ...specOf(key, 'server'), user: { uid: 0, gid: 0, gids: [] } }) },
    },
    leftovers: (deploymentId) => Promise.resolve(leftoversIn(stand.stateDirectory, deploymentId)),
    faults: undefined,
    mounts: undefined,
    pageSize: null,
    limits: { startMs: 20_000, imageMissingMs: 5_000, boundedMs: 10_000 },
    close: stand.close,
  }
}
