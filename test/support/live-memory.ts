import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { z } from 'zod'

let collect: (() => void) | undefined

/** Bytes that this process holds on to, its buffers included: what is only waiting to be collected is collected first. */
export function liveBytes(): number {
  collect ??= collector()
  collect()
  // Buffers are given back beside the collection that found them; the next one waits for that.
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return z.custom<() => void>((found) => typeof found === 'function').parse(runInNewContext('gc'))
}
