import type { Readable, Writable } from 'node:stream'

export interface Pumping {
  /** Bytes went on. */
  passed(bytes: number): void
  /** Nothing has come, or gone, for `stallMs`. */
  stalled?(): void
  readonly stallMs?: number
  /**
   * What a standstill is. `arrival`: nothing arrives, for whatever reason. `departure`: something waits to be taken; as long as
   * there is nothing to be taken, all is well.
   */
  readonly watch?: 'arrival' | 'departure'
  /** The source has said all. */
  ended(): void
}

/** Passes a stream on as fast as it is taken, holding no more than the two buffers. Whoever destroys either side ends it. */
export function pump(from: Readable, to: Writable, { passed, stalled, stallMs, watch, ended }: Pumping): void {
  const timed = stalled === undefined || stallMs === undefined ? null : { stalled, stallMs }
  let timer: NodeJS.Timeout | null = null
  const arm = () => {
    if (timed === null) return
    if (timer === null) timer = setTimeout(timed.stalled, timed.stallMs)
    else timer.refresh()
  }
  const disarm = () => {
    if (timer !== null) clearTimeout(timer)
    timer = null
  }
  const drained = () => {
    if (watch === 'departure') disarm()
    from.resume()
  }
  if (watch === 'arrival') arm()
  from.on('data', (chunk: Buffer) => {
    if (watch === 'arrival') arm()
    passed(chunk.length)
    if (to.destroyed || to.write(chunk)) return
    from.pause()
    if (watch === 'departure') arm()
    to.once('drain', drained)
  })
  from.once('end', () => {
    disarm()
    ended()
  })
  from.once('close', disarm)
  to.once('close', disarm)
}
