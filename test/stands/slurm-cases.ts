import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { call, eventually, freshDeployment, freshKey, refOf } from '../conformance/compute-harness.ts'
import { untried } from '../conformance/untried.ts'
import { leftoversInSlurm } from '../support/leftovers/slurm.ts'
import { openBackend } from './slurm-backend.ts'
import { usedAsAccounted } from './slurm-accounted.ts'
import { desktopOnSharedNode } from './slurm-desktop.ts'
import { hostileReports } from './slurm-hostile.ts'
import { openSlurm, sleepingSpec } from './slurm-provider.ts'
import { openReports } from './slurm-reports.ts'
import { reportScript } from './slurm-server.ts'
import { accountedOf, settingsOf, slurmStand, tokenFor } from './slurm-stand.ts'

const minute = 60_000

/** What is Slurm's own, on a real cluster. */
export function slurmCases(): void {
  describe('sessions on slurm', () => {
    test.each([
      ['a desktop on a node that others use is shown by the certificate its job reported alone', desktopOnSharedNode],
      [
        'a job that reports the place of another, a place that was one, or one outside the range is never led to',
        hostileReports,
      ],
      ['what sessions have used is what the accounting of the cluster says in the end', usedAsAccounted],
    ])(
      '%s',
      async (_, run) => {
        const backend = await openBackend()
        try {
          await run(backend)
        } finally {
          await backend.close()
        }
      },
      10 * minute,
    )

    test(
      'a job has the groups of its user at the cluster, all of them',
      async () => {
        const { stand, provider, spec, reports, close } = await open()
        const asked = { ...spec, command: ['sh', '-c', reportScript(`{"ports":{},"fingerprint":"$(id -G)"}`)] }
        expect(await provider.create(asked, call())).toMatchObject({ kind: 'made' })
        const said = await eventually(() => Promise.resolve(reports.saidBy(spec)), Boolean, minute)
        const { gid, gids } = stand.user
        expect(new Set(said?.fingerprint.split(' ').map(Number))).toEqual(new Set([gid, ...gids]))
        await close()
      },
      5 * minute,
    )

    test(
      'what a job has used is what the accounting of the cluster says',
      async () => {
        const { stand, provider, spec, close } = await open()
        const resources = { ...spec.resources, cpuMilli: 2_000 }
        const created = await provider.create({ ...spec, resources, command: ['sleep', '4'] }, call())
        if (created.kind !== 'made') throw new Error(created.kind)
        await eventually(
          () => provider.inspect(created.ref, call()),
          ({ kind }) => kind === 'exited',
          minute,
        )
        const accounted = await accountedOf(stand, created.ref.ids?.['job'] ?? '')
        expect(accounted.wallSeconds).toBeGreaterThanOrEqual(4)
        expect(accounted.cpuSeconds).toBe(2 * accounted.wallSeconds)
        expect(await provider.usage?.(created.ref, call())).toEqual({ ...accounted, gpuSeconds: 0 })
        await close()
      },
      5 * minute,
    )

    test(
      'a reader from whom jobs are hidden: a job that is known by name alone is found or unknown, never absent or made twice',
      async () => {
        const { blindReader } = slurmStand()
        if (blindReader === null) return untried(blindReader).toBeNull()
        await foundThoughHidden(blindReader)
      },
      5 * minute,
    )
  })
}

async function foundThoughHidden(reader: string): Promise<void> {
  const { stand, provider, spec, close } = await open({ user: reader })
  const directory = await mkdtemp(join(tmpdir(), 'carrel-tokens-'))
  const tokenFile = join(directory, 'token')
  await writeFile(tokenFile, await tokenFor(stand, reader), { mode: 0o600 })
  // One token, of somebody who may name nobody else: the job's own user cannot be asked.
  const blind = openSlurm(stand, { auth: 'token', keyFile: undefined, tokenFile, user: reader })
  const left = async () => (await leftoversInSlurm(settingsOf(stand), spec.deploymentId)).length
  try {
    const created = await provider.create(spec, call())
    expect(created).toMatchObject({ kind: 'made' })
    const byNameAlone = { ...refOf(spec), owner: stand.user }
    expect((await blind.inspect(byNameAlone, call())).kind).toBe('unknown')
    expect((await blind.remove(byNameAlone, call())).kind).toBe('unknown')
    expect(['pending', 'running']).toContain((await provider.inspect(byNameAlone, call())).kind)
    expect(await provider.create(spec, call())).toMatchObject({ kind: 'adopted' })
    expect(await left()).toBe(1)
    expect(await provider.remove(byNameAlone, call())).toEqual({ kind: 'removed' })
    expect(await left()).toBe(0)
    expect((await blind.inspect(byNameAlone, call())).kind).toBe('unknown')
  } finally {
    await close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The driver alone, with somebody who takes reports, and an instance that only sleeps. */
async function open(settings: Readonly<Record<string, unknown>> = {}) {
  const stand = slurmStand()
  const reports = await openReports()
  const provider = openSlurm(stand, settings)
  const spec = sleepingSpec(stand, reports, freshKey(freshDeployment()))
  const close = async () => {
    await provider.remove(refOf(spec), call())
    await provider.close()
    await reports.close()
  }
  return { stand, provider, spec, reports, close }
}
