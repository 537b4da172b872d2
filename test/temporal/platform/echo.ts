import { ApplicationFailure } from '@temporalio/common'

/** Gives back its input, or fails with it: what a codec test needs, and no more. */
export async function echo(input: { readonly text: string; readonly fail: boolean }): Promise<string> {
  if (input.fail) throw ApplicationFailure.nonRetryable(input.text, 'invalid_input')
  return input.text
}

/** Says what reached it, whatever that is. */
export async function mirror(input: unknown): Promise<unknown> {
  return { received: input }
}
