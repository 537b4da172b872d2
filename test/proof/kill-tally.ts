import { planLines } from './kill-plan.ts'
import type { Answer } from './kill-portal.ts'
import type { Round } from './kill-round.ts'
import type { Watched } from './watched.ts'

export interface Verdict {
  /** Those that were not judged before. */
  readonly answers: readonly Answer[]
  readonly breaches: readonly string[]
}

/** What the rounds come to, said as they are judged. */
export class KillTally {
  judged = 0
  readonly breaches: string[] = []
  readonly notes: string[] = []
  readonly #kills = new Map<string, number>()
  readonly #rounds: number
  readonly #seed: number
  readonly #say: (line: string) => void
  #begun = 0
  #sessions = 0

  constructor(rounds: number, seed: number, say: (line: string) => void) {
    this.#rounds = rounds
    this.#seed = seed
    this.#say = say
  }

  isFull(): boolean {
    return this.#begun >= this.#rounds
  }

  /** The number of the round that begins, from 0. */
  begin(): number {
    return this.#begun++
  }

  add({ plan, wishes, kills, stopped }: Round, { breaches, answers }: Verdict, restedMs: number): void {
    this.judged += 1
    this.#sessions += plan.sessions
    for (const name of kills) this.#kills.set(name, (this.#kills.get(name) ?? 0) + 1)
    this.breaches.push(...breaches.map((breach) => `round ${plan.round + 1}: ${breach}`))
    const of = (status: number | null) => answers.filter((answer) => answer.status === status).length
    this.#say(
      [
        `round ${plan.round + 1}/${this.#rounds} seed ${this.#seed}: kills ${kills.join(',') || 'none'}`,
        `sessions ${wishes.length} (${stopped} stopped, ${wishes.length - stopped} live on)`,
        `answers ${answers.length} (${of(null)} lost, ${of(503)} were 503)`,
        `at rest after ${(restedMs / 1_000).toFixed(1)} s`,
        `breaches ${breaches.length}`,
      ].join(', '),
    )
    if (breaches.length === 0) return
    for (const breach of breaches) this.#say(`  breach: ${breach}`)
    this.#say(`  the plan of round ${plan.round + 1} with seed ${plan.seed}, ${plan.earlier} earlier sessions living:`)
    for (const line of planLines(plan)) this.#say(`    ${line}`)
  }

  /** What was still wrong when everything had been asked to end. */
  addEnd(breaches: readonly string[]): void {
    this.breaches.push(...breaches.map((breach) => `at the end: ${breach}`))
    this.#say(`everything is asked to end: breaches ${breaches.length}`)
    for (const breach of breaches) this.#say(`  breach: ${breach}`)
  }

  /** What watched processes did unasked: mostly no breach, for they are started again, but worth a look. */
  noteEnds(processes: readonly Watched[]): void {
    for (const { name, ownEnds } of processes)
      if (ownEnds.length > 0)
        this.notes.push(`${name} left or did not come up ${ownEnds.length} times, last: ${ownEnds.at(-1)}`)
  }

  text(): string {
    const kills = [...this.#kills].map(([name, count]) => `${name} ${count}`).join(', ')
    const all = [...this.#kills.values()].reduce((sum, count) => sum + count, 0)
    const rounds = this.judged < this.#rounds ? `${this.judged} of ${this.#rounds} rounds` : `${this.judged} rounds`
    return `${rounds}, ${all} kills (${kills}), ${this.#sessions} sessions, ${this.breaches.length} breaches`
  }
}
