/** How much is measured. */
export interface Extent {
  /** How often each way is measured, in turn with the others. */
  readonly rounds: number
  /** A look, not a figure to rely on. */
  readonly quick: boolean
}
