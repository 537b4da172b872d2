/** Says a line to whoever called the command. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** What went wrong, in one line. */
export const told = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/**
 * Runs a command whose exit code becomes the process's, which ends when nothing keeps it any more: all that was said is written by then.
 * What it throws is told in one line, with code 1.
 */
export async function runMain(main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main()
  } catch (error) {
    console.error(told(error))
    process.exitCode = 1
  }
}
