import type { Writable } from 'node:stream'

export interface Progress {
  /** Runs one step: a spinner with its latest word on a terminal, plain lines otherwise; then one line with the time it took. */
  step<T>(title: string, work: (say: (word: string) => void) => Promise<T>): Promise<T>
  /** One line, with the time since the start. */
  line(text: string): void
  /** What is going on now: replaced in place on a terminal, a line of its own otherwise. */
  now(text: string): void
  /** A line that stands by itself, without a time. */
  print(text: string): void
}

export interface ProgressOptions {
  readonly output: Writable
  /** Whether the output is a terminal on which a line may be rewritten. */
  readonly live: boolean
  readonly columns?: number | undefined
}

/** Some terminals say that they have no columns at all. */
const narrowest = 40
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
/** A step that talks much fills no log: without a terminal its words are at least this far apart. */
const quietMs = 1_000
/** Nor is it silent for much longer than this. */
const pulseMs = 15_000
const eraseLine = '\r\u001b[2K'

/** Reports to people: every line carries the seconds since it was made. */
export function createProgress({ output, live, columns }: ProgressOptions): Progress {
  const width = Math.max(columns ?? 0, narrowest)
  const began = performance.now()
  let spinning: { text: string; timer: NodeJS.Timeout } | undefined
  let frame = 0

  const draw = () => {
    if (spinning === undefined) return
    frame = (frame + 1) % frames.length
    output.write(`${eraseLine}${`${frames[frame]} ${stamp(began)} ${spinning.text}`.slice(0, width - 1)}`)
  }
  const settle = () => {
    if (spinning === undefined) return
    clearInterval(spinning.timer)
    spinning = undefined
    output.write(eraseLine)
  }
  const print = (text: string) => {
    settle()
    output.write(`${text}\n`)
  }
  const line = (text: string) => print(`${stamp(began)} ${text}`)
  const now = (text: string) => {
    if (!live) return line(text)
    if (spinning === undefined) spinning = { text, timer: setInterval(draw, 100).unref() }
    spinning.text = text
    draw()
  }
  return {
    line,
    now,
    print,
    async step(title, work) {
      const start = performance.now()
      now(live ? title : `${title} …`)
      let said = -Infinity
      let last = 'still at it'
      const say = (word: string) => {
        last = word
        if (!live && performance.now() - said < quietMs) return
        said = performance.now()
        now(`${title}: ${word}`)
      }
      const pulse = setInterval(() => {
        if (!live && performance.now() - said > pulseMs) say(last)
      }, pulseMs).unref()
      try {
        const result = await work(say)
        line(`${title}: ok (${seconds(performance.now() - start)})`)
        return result
      } catch (error) {
        line(`${title}: FAILED (${seconds(performance.now() - start)})`)
        throw error
      } finally {
        clearInterval(pulse)
      }
    },
  }
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
const stamp = (began: number) => `[${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s]`
