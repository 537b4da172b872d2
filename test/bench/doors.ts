import { readFile } from 'node:fs/promises'
import { createDoorsSite } from './doors-site.ts'
import { download, echo, openSockets, upload } from './door-ways.ts'
import type { Way } from './door-ways.ts'
import { atLeast, cells, figureColumns, figuresOf, known, median, ms } from './figures.ts'
import type { Part } from './figures.ts'
import type { Ground } from './ground.ts'
import type { Extent } from './options.ts'
import { interleaved } from './rounds.ts'

const mib = (value: number) => `${Math.round(value)} MiB`
const rate = (value: number) => `${Math.round(value)} MiB/s`

/** What comes through a door, beside the same without one. */
export async function measureDoors(ground: Ground, { rounds, quick }: Extent): Promise<Part> {
  const { progress, signal } = ground
  const sockets = quick ? 50 : 500
  const echoMs = quick ? 3_000 : 10_000
  const [down, up] = quick ? [2 ** 26, 2 ** 27] : [2 ** 30, 2 ** 31]
  const site = await createDoorsSite(ground)
  const ways = { direct: site.direct, through: site.through }
  const took = { direct: [] as number[], through: [] as number[] }
  const rates = { direct: [] as number[], through: [] as number[] }
  const loaded: number[] = []
  const talk = async (name: keyof typeof ways, way: Way) => {
    const open = await openSockets(way, sockets)
    took[name].push(...(await echo(open, echoMs)))
    if (name === 'through') loaded.push(await residentMib(site.pid))
    for (const socket of open) socket.terminate()
  }
  const read = async (name: keyof typeof ways, way: Way) => void rates[name].push(await download(way, down))
  try {
    const idle = await residentMib(site.pid)
    await progress.step('g: warming up', async () => {
      for (const way of Object.values(ways)) await download(way, 2 ** 26)
    })
    await progress.step(`g: ${sockets} WebSockets`, async (say) => {
      const both = { direct: () => talk('direct', site.direct), through: () => talk('through', site.through) }
      await interleaved(rounds, both, signal, say)
    })
    await progress.step(`g: downloads of ${mib(down / 2 ** 20)}`, async (say) => {
      const both = { direct: () => read('direct', site.direct), through: () => read('through', site.through) }
      await interleaved(rounds, both, signal, say)
    })
    const sent = await progress.step(`g: an upload of ${mib(up / 2 ** 20)}`, async () => {
      const watch = watchMemory(site.pid)
      const [before, reached] = [await residentMib(site.pid), await upload(site.through, up)]
      return { before, reached, peak: await watch.stop() }
    })
    return {
      id: 'g',
      title: 'Through a door',
      how: [
        `One gateway, one session behind it, and who asks it: three processes on the same processors, which share them. Each of ${sockets} WebSockets says 128 bytes every second for ${echoMs / 1_000} s and is echoed; downloads are of ${mib(down / 2 ** 20)}, the upload of ${mib(up / 2 ** 20)}. Direct: the same without the gateway. Memory is the gateway's resident set.`,
      ],
      goals: [
        atLeast('download: through ÷ direct', median(rates.through) / median(rates.direct), 0.6),
        known('download, through the door', rate(median(rates.through))),
        known('download, direct', rate(median(rates.direct))),
        known(`echo p99, ${sockets} WebSockets through the door`, ms(figuresOf(took.through).p99)),
        known(`echo p99, ${sockets} WebSockets direct`, ms(figuresOf(took.direct).p99)),
        known('memory, before', mib(idle)),
        known(`memory, ${sockets} WebSockets`, mib(median(loaded))),
        known(`upload of ${mib(up / 2 ** 20)}, through the door`, rate(sent.reached)),
        known('memory before the upload', mib(sent.before)),
        known('memory at most during the upload', mib(sent.peak)),
      ],
      tables: [
        {
          title: 'how long an echo takes',
          columns: ['', ...figureColumns],
          rows: [
            ['direct', ...cells(took.direct)],
            ['through the door', ...cells(took.through)],
          ],
        },
      ],
    }
  } finally {
    await site.close()
  }
}

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1]) / 1_024
}

/** Looks every 50 ms; the most that was seen, MiB. */
function watchMemory(pid: number): { stop(): Promise<number> } {
  let most = 0
  const look = async () => void (most = Math.max(most, await residentMib(pid)))
  const timer = setInterval(() => void look(), 50)
  return {
    async stop() {
      clearInterval(timer)
      await look()
      return most
    },
  }
}
