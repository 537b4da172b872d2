import { CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow'

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

  /**
   * Waits until somebody calls, or `also` holds, at most `ms` (`null`: as long as it takes). Returns whether one of them came.
   * `until` is what operators read beside the timer.
   */
  async wait(ms: number | null, until: string, also: () => boolean = () => false): Promise<boolean> {
    const enough = () => this.called || also()
    if (enough()) return true
    if (ms === null) {
      await condition(enough)
      return true
    }
    const timer = new CancellationScope({ cancellable: true })
    let due = false
    const rung = timer
      .run(async () => await sleep(Math.max(1, Math.ceil(ms)), { summary: until }))
      .then(
        () => {
          due = true
        },
        (error: unknown) => {
          if (!isCancellation(error)) throw error
        },
      )
    await condition(() => enough() || due)
    timer.cancel()
    await rung
    return enough()
  }
}
