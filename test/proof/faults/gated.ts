import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import type { WorkerInterceptors } from '@temporalio/worker'
import { ProviderUnreachable } from '../../../ports/compute/provider.ts'
import type { CallContext, ComputeProvider } from '../../../ports/compute/provider.ts'
import type { Gate, Visit } from './visit.ts'

/** Every activity of a worker goes through the gate, before it does anything and when it has done all. */
export const gatedActivities = (gate: Gate): WorkerInterceptors => ({
  activity: [
    (context) => ({
      inbound: {
        async execute(input, next) {
          const visit = visitOf(context)
          const beat = () => context.heartbeat()
          try {
            const answer = await gate.arrive({ ...visit, place: 'before' }, beat)
            if (typeof answer === 'object') return answer.instead
            if (answer === 'fail') throw failure(false)
            if (answer === 'fail for good') throw failure(true)
            if (answer === 'run again') await next(input)
            const beside = answer === 'run beside itself' ? next(input) : Promise.resolve(null)
            const [result] = await Promise.all([next(input), beside])
            if ((await gate.arrive({ ...visit, place: 'after' }, beat)) === 'fail') throw failure(false)
            return result
          } finally {
            gate.left(visit)
          }
        },
      },
    }),
  ],
})

/**
 * The provider as its activities see it through the gate. What is let through late reaches the backend however long its
 * caller has been gone, as a request on its way does; `callMs`: what a call has then.
 */
export function gatedProvider(provider: ComputeProvider, gate: Gate, callMs = 30_000): ComputeProvider {
  const through = async <T>(call: () => Promise<T>, failed: T, beside?: Visit['call']): Promise<T> => {
    const context = Context.current()
    const visit = { ...visitOf(context), ...(beside === undefined ? {} : { call: beside }) }
    const beat = () => context.heartbeat()
    if ((await gate.arrive({ ...visit, place: 'asking' }, beat)) === 'fail') return failed
    const answer = await call()
    return (await gate.arrive({ ...visit, place: 'answered' }, beat)) === 'fail' ? failed : answer
  }
  const silent = { kind: 'unknown', why: 'the proof keeps the answer' } as const
  const away = { kind: 'unavailable', retryAfterMs: null, detail: silent.why } as const
  const unreachable = { code: 'unreachable', level: 'missing' } as const
  const onItsWay = (call: CallContext): CallContext => ({ ...call, signal: AbortSignal.timeout(callMs) })
  return {
    ...provider,
    create: async (spec, call) => await through(async () => await provider.create(spec, onItsWay(call)), away),
    inspect: async (ref, call) => await through(async () => await provider.inspect(ref, onItsWay(call)), silent),
    ...gatedRest(provider, async (ask, ref, call) => await through(async () => await ask(ref, onItsWay(call)), silent)),
    remove: async (ref, call) => await through(async () => await provider.remove(ref, onItsWay(call)), silent),
    ...(provider.usage === undefined
      ? {}
      : {
          usage: async (ref, call) =>
            await through(async () => (await provider.usage?.(ref, onItsWay(call))) ?? null, null, 'usage'),
        }),
    ...(provider.check === undefined
      ? {}
      : {
          check: async (ask, call) =>
            (await through(async () => (await provider.check?.(ask, onItsWay(call))) ?? [], null)) ?? [unreachable],
        }),
    async *list(deploymentId, call) {
      const listed = await through(async () => await all(provider.list(deploymentId, call)), null)
      if (listed === null) throw new ProviderUnreachable(silent.why)
      yield* listed
    },
  }
}

type Ask = NonNullable<ComputeProvider['pause']>

/** Of a driver that pauses nothing there is nothing to go through the gate. */
const gatedRest = (
  { pause, resume }: ComputeProvider,
  through: (ask: Ask, ...asked: Parameters<Ask>) => ReturnType<Ask>,
): Pick<ComputeProvider, 'pause' | 'resume'> => ({
  ...(pause === undefined ? {} : { pause: async (ref, call) => await through(pause, ref, call) }),
  ...(resume === undefined ? {} : { resume: async (ref, call) => await through(resume, ref, call) }),
})

/** Everything of a list, page by page. */
export async function all<T>(things: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const thing of things) found.push(thing)
  return found
}

/** Who comes by, and for whom. */
export function visitOf({ info }: Context): Omit<Visit, 'place'> {
  const workflowId = info.workflowExecution?.workflowId ?? ''
  const subject = workflowId.slice(workflowId.indexOf('/') + 1)
  return { subject, workflowId, activity: info.activityType, local: info.isLocal }
}

const failure = (nonRetryable: boolean) =>
  ApplicationFailure.create({ message: 'The proof fails it.', type: 'proof', nonRetryable })
