import { condition } from '@temporalio/workflow'

/** Notes that somebody called; the main loop listens when it is ready to. */
export class Attention {
  #calls = 0
  #heard = 0

  readonly call = (): void => {
    this.#calls += 1
  }

  /** What was called until now is about to be looked at. */
  attend(): void {
    this.#heard = this.#calls
  }

  get called(): boolean {
    return this.#calls > this.#heard
  }

  /** Waits until somebody calls, or `also` holds, at most `ms` (`null`: as long as it takes). Returns whether one of them came. */
  async wait(ms: number | null, also: () => boolean = () => false): Promise<boolean> {
    const enough = () => this.called || also()
    if (ms === null) {
      await condition(enough)
      return true
    }
    return await condition(enough, Math.max(1, Math.ceil(ms)))
  }
}
