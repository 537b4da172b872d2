import { CancellationScope, isCancellation } from '@temporalio/workflow'

/** Something under way beside the main loop, which goes on listening and may leave it behind at any time. */
export class Errand<T> {
  readonly #scope = new CancellationScope({ cancellable: true })
  #result: { readonly value: T } | { readonly error: unknown } | null = null

  constructor(work: () => Promise<T>) {
    this.#scope.run(work).then(
      (value) => {
        this.#result = { value }
      },
      (error: unknown) => {
        this.#result = { error }
      },
    )
  }

  readonly settled = (): boolean => this.#result !== null

  /** What came of it, `null` while it lasts or when it was left behind. Throws what it failed with. */
  get result(): T | null {
    if (this.#result === null) return null
    if ('value' in this.#result) return this.#result.value
    if (isCancellation(this.#result.error)) return null
    throw this.#result.error
  }

  /** Ends it where it is settled. Throws what it failed with. */
  done(): null {
    void this.result
    return null
  }

  /** Leaves it behind. What it may still do is found by its name and undone. */
  abandon(): null {
    this.#scope.cancel()
    return null
  }
}
