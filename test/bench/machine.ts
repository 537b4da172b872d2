import { execFile } from 'node:child_process'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { promisify } from 'node:util'
import Docker from 'dockerode'

/** What was measured on, in words. */
export type Machine = readonly (readonly [what: string, is: string])[]

const run = promisify(execFile)

export async function machineFacts(): Promise<Machine> {
  const docker = await dockerVersion()
  const commit = await run('git', ['rev-parse', '--short', 'HEAD'], { timeout: 5_000 }).then(
    ({ stdout }) => stdout.trim(),
    () => 'unknown',
  )
  return [
    ['date', new Date().toISOString().slice(0, 10)],
    ['commit', commit],
    ['processor', `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}`],
    ['memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['kernel', `${type()} ${release()}`],
    ['Node', process.version],
    ['Docker', docker],
    ['load before', loadavg()[0]?.toFixed(2) ?? ''],
  ]
}

async function dockerVersion(): Promise<string> {
  try {
    const docker = new Docker({ socketPath: '/var/run/docker.sock', timeout: 5_000 })
    const { Version } = await docker.version()
    const { Driver } = (await docker.info()) as { Driver: string }
    return `${Version}, ${Driver}`
  } catch {
    return 'does not answer'
  }
}
