import { readFile, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { writePrivate } from './kept.ts'
import { isAlive, startedAt, untilGone } from './liveness.ts'

const state = z.object({
  apiUrl: z.string(),
  gatewayPort: z.number(),
  adminToken: z.string(),
  userToken: z.string(),
  temporalAddress: z.string(),
  temporalUiUrl: z.string(),
  postgresUrl: z.string(),
  /** By the name of the process; `stack` is the one that watches over the others. */
  pids: z.record(z.string(), z.number()),
  /** When each of them began: with the number it names one process. */
  startedAt: z.record(z.string(), z.string()),
})
/** `.carrel/stack.json`: how scripts find a running stack and speak with it. */
export type StackState = z.output<typeof state>

/** What the file says, whether or not that stack still runs. Undefined without a file, or with one of another version. */
export async function readState(file: string): Promise<StackState | undefined> {
  try {
    return state.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    return undefined
  }
}

/** Writes the file, for our eyes only. */
export async function writeState(file: string, value: Omit<StackState, 'startedAt'>): Promise<void> {
  const starts = await Promise.all(
    Object.entries(value.pids).map(async ([name, pid]) => [name, (await startedAt(pid)) ?? ''] as const),
  )
  await writePrivate(file, { ...value, startedAt: Object.fromEntries(starts) })
}

export const removeState = (file: string): Promise<void> => rm(file, { force: true })

/** The processes of a stack that are still the very ones it started, by name. */
export async function runningOf({ pids, startedAt: starts }: StackState): Promise<Record<string, number>> {
  const found = await Promise.all(
    Object.entries(pids).map(async ([name, pid]) => {
      const same = isAlive(pid) && (await startedAt(pid)) === starts[name]
      return same ? [[name, pid] as const] : []
    }),
  )
  return Object.fromEntries(found.flat())
}

/** Ends what a killed stack left running. Answers the names of what it found. */
export async function endLeftovers(file: string): Promise<string[]> {
  const left = await readState(file)
  if (left === undefined) return []
  const running = Object.entries(await runningOf(left))
  for (const [, pid] of running) process.kill(pid, 'SIGTERM')
  await Promise.all(
    running.map(async ([, pid]) => {
      if (await untilGone(pid, 10_000)) return
      process.kill(pid, 'SIGKILL')
      await delay(100)
    }),
  )
  await removeState(file)
  return running.map(([name]) => name)
}
