import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { probeTcp } from '../ports/access/probe.ts'
import type { DockerSettings } from '../ports/compute/docker/settings.ts'
import { startChild } from './child.ts'
import { withEngine } from './docker.ts'
import { directoriesOf, findExecutable } from './executable.ts'

export interface GuacdPlan {
  /** Where to look for `guacd`, as in PATH. */
  readonly path: string
  readonly port: number
  /** Where a container of this image is run, should the machine have no guacd of its own. */
  readonly docker: { readonly settings: DockerSettings; readonly image: string }
  readonly onLine: (line: string) => void
}

export interface Guacd {
  readonly address: string
  /** What it runs as, for whoever watches. */
  readonly how: string
  stop(): Promise<void>
}

const startLimitMs = 20_000
const callMs = 30_000
const made = z.object({ Id: z.string() })

/** Starts guacd on loopback: the machine's own, else a container in the machine's network. @throws when it does not listen */
export async function startGuacd(plan: GuacdPlan): Promise<Guacd> {
  const own = await findExecutable('guacd', directoriesOf(plan.path))
  const running = own === undefined ? await startContainer(plan) : await startProcess(own, plan)
  try {
    await untilListening(plan.port)
  } catch (error) {
    await running.stop()
    throw error
  }
  return { address: `127.0.0.1:${plan.port}`, ...running }
}

async function startProcess(command: string, { port, onLine }: GuacdPlan): Promise<Pick<Guacd, 'how' | 'stop'>> {
  const args = ['-f', '-b', '127.0.0.1', '-l', String(port), '-L', 'info']
  const child = await startChild({ name: 'guacd', command, args, onLine })
  return { how: command, stop: async () => await child.stop() }
}

async function startContainer({ port, docker }: GuacdPlan): Promise<Pick<Guacd, 'how' | 'stop'>> {
  const { settings, image } = docker
  const id = await withEngine(settings, async (engine) => {
    const body = {
      Image: image,
      Cmd: ['-b', '127.0.0.1', '-l', String(port)],
      Labels: { 'carrel.stack': 'guacd' },
      // It reaches desktops where the gateway does: at ports that are published on loopback.
      HostConfig: {
        NetworkMode: 'host',
        AutoRemove: true,
        Init: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges:true'],
        PidsLimit: 512,
      },
    }
    const container = await engine.json('POST', '/containers/create', made, AbortSignal.timeout(callMs), { body })
    await engine.done('POST', `/containers/${container.Id}/start`, AbortSignal.timeout(callMs))
    return container.Id
  })
  return {
    how: `a container of ${image}`,
    stop: async () =>
      await withEngine(settings, async (engine) => {
        // It removes itself when it has ended.
        await engine.done('POST', `/containers/${id}/kill`, AbortSignal.timeout(callMs)).catch(() => undefined)
      }),
  }
}

async function untilListening(port: number): Promise<void> {
  const deadline = Date.now() + startLimitMs
  while (!(await probeTcp({ host: '127.0.0.1', port }, AbortSignal.timeout(startLimitMs)))) {
    if (Date.now() > deadline) throw new Error(`guacd does not listen on port ${port} after ${startLimitMs / 1_000} s`)
    await delay(100)
  }
}
