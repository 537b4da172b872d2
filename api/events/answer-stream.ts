import type { AppContext } from '../env.ts'
import { Problem } from '../problem.ts'
import { follow } from './follow.ts'
import type { Followed } from './follow.ts'
import { leaving } from './open-streams.ts'

const encoder = new TextEncoder()

/** Whether the caller asks for a stream. */
export const wantsStream = (c: AppContext): boolean =>
  c.req.method === 'GET' && (c.req.header('accept') ?? '').includes('text/event-stream')

/** Answers with a stream that is read as fast as the caller takes it. An error ends it, and is told to nobody but the log. */
export function answerStream<Place>(c: AppContext, source: Followed<Place>): Response {
  const { services, principal, requestId } = c.var
  const stream = services.streams.open(`${principal.accountId} ${principal.client}`)
  if (stream === null)
    throw new Problem('too_many_requests', 'You have too many open streams.', { headers: { 'retry-after': '5' } })
  const lines = follow(source, stream.signal)
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const line = await nextOf(lines, (err) => services.log.error({ err, requestId }, 'A stream of events failed.'))
      // A reader that has gone has closed it already.
      if (stream.signal.reason === leaving.reader) return
      if (line !== null) return controller.enqueue(encoder.encode(line))
      stream.done()
      controller.close()
    },
    async cancel() {
      stream.leave()
      stream.done()
      await lines.return(undefined)
    },
  })
  return c.body(body, 200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
}

async function nextOf(lines: AsyncGenerator<string, void>, failed: (error: unknown) => void): Promise<string | null> {
  try {
    const { value, done } = await lines.next()
    return done === true ? null : value
  } catch (error) {
    failed(error)
    return null
  }
}
