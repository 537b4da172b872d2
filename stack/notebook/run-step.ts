import { startChild } from '../child.ts'

export interface Step {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly limitMs: number
  readonly signal: AbortSignal
  readonly onLine: (line: string) => void
}

export type StepEnd = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly why: string }

const keptLines = 5

/** Runs a command to its end, at most `limitMs`. Fails with its last lines. What it makes is readable by everybody. */
export async function runStep(step: Step): Promise<StepEnd> {
  const last: string[] = []
  const limit = AbortSignal.timeout(step.limitMs)
  const child = await startChild({
    name: step.name,
    command: '/bin/sh',
    args: ['-c', 'umask 022; exec "$@"', step.name, step.command, ...step.args],
    env: step.env,
    onLine: (line) => {
      last.splice(0, last.length, ...last.slice(1 - keptLines), line.slice(0, 300))
      step.onLine(line)
    },
  })
  const stop = AbortSignal.any([limit, step.signal])
  const onStop = () => void child.stop(2_000)
  if (stop.aborted) onStop()
  stop.addEventListener('abort', onStop, { once: true })
  const { code, signal } = await child.ended
  stop.removeEventListener('abort', onStop)
  if (code === 0) return { kind: 'done' }
  if (step.signal.aborted) return { kind: 'failed', why: `${step.name} was interrupted` }
  if (limit.aborted) return { kind: 'failed', why: `${step.name} took longer than ${step.limitMs / 1_000} s` }
  return { kind: 'failed', why: `${step.name} ended with ${code ?? signal}: ${last.join(' | ')}` }
}
