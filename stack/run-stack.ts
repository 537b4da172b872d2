import { endLeftovers, readState, removeState, runningOf, writeState } from './state.ts'
import { interrupted, startEmbedded, type Embedded } from './embedded.ts'
import { removeInstances } from './forget.ts'
import { createInterruption } from './interruption.ts'
import { takeLock } from './lock-file.ts'
import type { Kind } from './offer.ts'
import { makePlaces, removeData, type Places } from './places.ts'
import type { Progress } from './progress.ts'

export interface RunOptions {
  readonly places: Places
  readonly progress: Progress
  readonly fresh: boolean
  readonly provider?: Kind | undefined
  readonly desktop?: boolean | undefined
  readonly pathDoors?: boolean | undefined
  readonly show?: ((line: string) => void) | undefined
}

/** Exit codes of `npm start` and `npm run demo`. */
export const exitCodes = { fine: 0, failed: 1, alreadyRunning: 3, interrupted: 130 } as const

/**
 * Runs `work` on an embedded stack and takes the stack down again, whatever happens. `asked` ends with the first Ctrl-C
 * or SIGTERM; the second one kills. One stack per directory: a second one is told what runs.
 */
export async function runStack(
  options: RunOptions,
  work: (stack: Embedded, asked: AbortSignal) => Promise<number>,
): Promise<number> {
  const { places, progress } = options
  await makePlaces(places)
  const taken = await takeLock(places.lockFile)
  if (!('release' in taken)) {
    await sayWhatRuns(places, progress, taken.heldBy.pid)
    return exitCodes.alreadyRunning
  }
  const interruption = listenForSignals(progress)
  try {
    const left = await endLeftovers(places.stateFile)
    if (left.length > 0) progress.line(`an earlier stack was killed; ended what it left running: ${left.join(', ')}`)
    if (options.fresh) {
      await removeInstances(places.keptFile, progress.line)
      await removeData(places)
    }
    return await onStack(options, interruption.asked, work)
  } catch (error) {
    if (error === interrupted) return exitCodes.interrupted
    throw error
  } finally {
    interruption.stop()
    await taken.release()
  }
}

async function onStack(
  { places, progress, provider, desktop, pathDoors, show }: RunOptions,
  asked: AbortSignal,
  work: (stack: Embedded, asked: AbortSignal) => Promise<number>,
): Promise<number> {
  const stack = await startEmbedded({ places, progress, provider, desktop, pathDoors, show, signal: asked })
  const { apiUrl, gatewayPort, adminToken, userToken, temporalAddress, temporalUiUrl, postgresUrl } = stack
  const reach = { apiUrl, gatewayPort, adminToken, userToken, temporalAddress, temporalUiUrl, postgresUrl }
  let stopping = false
  const broken = stack.broken.then((name) => {
    if (stopping) return new Promise<never>(() => undefined)
    throw new Error(`The ${name} ended by itself; see ${places.logs}/${name}.log`)
  })
  broken.catch(() => undefined)
  try {
    await writeState(places.stateFile, { ...reach, pids: { stack: process.pid, ...stack.pids } })
    return await Promise.race([work(stack, asked), broken])
  } finally {
    stopping = true
    await progress.step('stopping the stack', () => stack.stop())
    await removeState(places.stateFile)
  }
}

async function sayWhatRuns(places: Places, progress: Progress, pid: number): Promise<void> {
  progress.print(`A stack runs here already (process ${pid}).`)
  const state = await readState(places.stateFile)
  if (state === undefined) return progress.print('It is still starting, or stopping.')
  const running = Object.entries(await runningOf(state)).map(([name, id]) => `${name} (${id})`)
  progress.print(`  processes     ${running.join(', ')}`)
  progress.print(`  API           ${state.apiUrl}`)
  progress.print(`  API reference ${state.apiUrl}/docs`)
  progress.print(`  Temporal UI   ${state.temporalUiUrl}`)
  progress.print(`  more          ${places.stateFile}`)
}

function listenForSignals(progress: Progress): { asked: AbortSignal; stop: () => void } {
  const { asked, heard: onSignal } = createInterruption(
    () => progress.line('stopping; once more to stop at once'),
    () => process.exit(exitCodes.interrupted),
  )
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    asked,
    stop: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  }
}
