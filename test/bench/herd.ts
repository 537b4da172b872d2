import { createDockerSite } from './docker-site.ts'
import { atLeast, atMost, known, median, perSecond } from './figures.ts'
import type { Goal, Part } from './figures.ts'
import type { Ground } from './ground.ts'
import { untilAll } from './many.ts'
import type { Extent } from './options.ts'
import { createPortal, throughOnce } from './portal.ts'
import { createRawDocker } from './raw-docker.ts'
import { interleaved, pooled, timed } from './rounds.ts'

/** In fewer, one that the machine disturbs decides. */
const leastRounds = 3

/** Many notebooks at once, then all of them stopped at once, beside the same number made by hand as many at a time. */
export async function measureHerd(ground: Ground, { rounds, quick }: Extent): Promise<Part> {
  const herd = quick ? 8 : 40
  const { site, settings, templates, startLimit } = await createDockerSite(ground)
  const raw = createRawDocker(settings, templates.notebook)
  const portal = createPortal(site)
  const rates = { start: [] as number[], rawStart: [] as number[], stop: [] as number[], rawStop: [] as number[] }
  let failed = 0
  const rateOf = async (work: () => Promise<unknown>) => (herd * 1_000) / (await timed(work))
  try {
    const templateId = await portal.templateId('notebook')
    const carrel = async () => {
      const ids: string[] = []
      const starts = await rateOf(async () => {
        ids.push(...(await pooled(herd, herd, async () => await portal.create(templateId))))
        await untilAll(portal, ids, 'ready')
      })
      const stops = await rateOf(async () => {
        await Promise.all(ids.map(async (id) => await portal.remove(id)))
        await untilAll(portal, ids, 'stopped')
      })
      rates.start.push(starts)
      rates.stop.push(stops)
      const states = await portal.states()
      failed += ids.filter((id) => states.get(id) !== 'stopped').length
    }
    const byHand = async () => {
      const made: Awaited<ReturnType<typeof raw.start>>[] = []
      rates.rawStart.push(await rateOf(async () => made.push(...(await pooled(herd, startLimit, raw.start)))))
      rates.rawStop.push(await rateOf(async () => await pooled(herd, herd, async (n) => await raw.stop(made[n]!))))
    }
    await ground.progress.step(`f: ${herd} notebooks`, async (say) => {
      say('warming up')
      // Some of each for nothing: what is made, read or compiled only the first times.
      await pooled(startLimit, startLimit, async () => await raw.stop(await raw.start()))
      await pooled(startLimit, startLimit, async () => await throughOnce(portal, templateId))
      await interleaved(
        quick ? 1 : Math.max(leastRounds, Math.ceil(rounds / 2)),
        { raw: byHand, carrel },
        ground.signal,
        say,
      )
    })
  } finally {
    await raw.close()
    await site.close()
  }
  const goals: Goal[] = [
    atMost('sessions that failed', failed, 0, String),
    atLeast('starts: rate ÷ raw', median(rates.start) / median(rates.rawStart), 0.9),
    atLeast('stops: rate ÷ raw', median(rates.stop) / median(rates.rawStop), 0.9),
    known('starts', perSecond(median(rates.start))),
    known('starts, raw', perSecond(median(rates.rawStart))),
    known('stops', perSecond(median(rates.stop))),
    known('stops, raw', perSecond(median(rates.rawStop))),
  ]
  return {
    id: 'f',
    title: 'A herd',
    how: [
      `${herd} notebooks are asked for at once, and when all are ready, all are stopped at once. Rates are ${herd} divided by the time from the first request to the last session ready, or stopped. Raw: the same containers by hand, as in (a), ${startLimit} starts in flight as the provider's limit has it, and all stops at once.`,
    ],
    goals,
    tables: [],
  }
}
