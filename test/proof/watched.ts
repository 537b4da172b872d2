import { setTimeout as delay } from 'node:timers/promises'

/** A process as it was started; it may end at any moment. */
export interface Started {
  readonly pid: number
  /** Settles when it has ended. */
  readonly ended: Promise<unknown>
  stop(): Promise<void>
}

/** From when to when nobody could use a process, ms since the epoch. */
export interface Downtime {
  readonly from: number
  /** Infinity as long as it lasts. */
  readonly to: number
}

/** A process that somebody watches over, as systemd or compose does: whenever it has ended, it is started again. */
export interface Watched {
  readonly name: string
  /** SIGKILL, now; started again `downMs` later. False where there was nothing to kill. */
  kill(downMs: number): boolean
  /** Settles when it can be used; rejects with its last trouble when that takes longer than `withinMs`. */
  usable(withinMs: number): Promise<void>
  readonly downtimes: readonly Downtime[]
  /** How often it ended although nobody killed it, or did not come up. */
  readonly ownEnds: readonly string[]
  close(): Promise<void>
}

export interface WatchPlan {
  readonly name: string
  start(): Promise<Started>
  /** Whether it can be used. */
  answers(): Promise<boolean>
}

const againMs = 300
const askEveryMs = 50

/** Starts it and watches over it until it is closed. */
export function watch(plan: WatchPlan): Watched {
  const downtimes: { from: number; to: number }[] = [{ from: Date.now(), to: Infinity }]
  const ownEnds: string[] = []
  const closing = new AbortController()
  let current: Started | null = null
  let killedFor: number | null = null

  const down = () => {
    if (downtimes.at(-1)?.to !== Infinity) downtimes.push({ from: Date.now(), to: Infinity })
  }
  const untilUsable = async (started: Started) => {
    let over = false
    const ended = started.ended.then(() => (over = true))
    while (!over && !closing.signal.aborted) {
      if ((await plan.answers()) && !over) {
        const last = downtimes.at(-1)
        if (last?.to === Infinity) last.to = Date.now()
        return
      }
      await Promise.race([ended, delay(askEveryMs)])
    }
  }
  const rest = async (ms: number) => await delay(ms, undefined, { signal: closing.signal }).catch(() => {})

  const life = (async () => {
    while (!closing.signal.aborted) {
      try {
        current = await plan.start()
      } catch (error) {
        ownEnds.push(error instanceof Error ? error.message : String(error))
        await rest(againMs)
        continue
      }
      void untilUsable(current)
      if (closing.signal.aborted) await current.stop()
      const how = await current.ended
      current = null
      down()
      if (closing.signal.aborted) return
      if (killedFor === null) ownEnds.push(`it ended by itself: ${JSON.stringify(how)}`)
      await rest(killedFor ?? againMs)
      killedFor = null
    }
  })()

  return {
    name: plan.name,
    downtimes,
    ownEnds,
    kill(downMs) {
      if (current === null || killedFor !== null) return false
      killedFor = downMs
      down()
      process.kill(current.pid, 'SIGKILL')
      return true
    },
    async usable(withinMs) {
      const deadline = Date.now() + withinMs
      while (downtimes.at(-1)?.to === Infinity) {
        if (Date.now() > deadline) throw new Error(`${plan.name} does not come up: ${ownEnds.at(-1) ?? 'it is silent'}`)
        await delay(askEveryMs)
      }
    },
    async close() {
      closing.abort()
      await current?.stop()
      await life
    },
  }
}
