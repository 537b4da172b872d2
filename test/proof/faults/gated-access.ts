import { Context } from '@temporalio/activity'
import { AccessUnreachable } from '../../../ports/access/access-gateway.ts'
import type { AccessGateway } from '../../../ports/access/access-gateway.ts'
import { all, visitOf } from './gated.ts'
import type { Gate } from './visit.ts'

/** The gateway outside as its activities see it through the gate, in the same way as the provider. */
export function gatedAccess(gateway: AccessGateway, gate: Gate): AccessGateway {
  const through = async <T, F>(call: () => Promise<T>, failed: () => F): Promise<T | F> => {
    const context = Context.current()
    const visit = visitOf(context)
    const beat = () => context.heartbeat()
    if ((await gate.arrive({ ...visit, place: 'asking' }, beat)) === 'fail') return failed()
    const answer = await call()
    return (await gate.arrive({ ...visit, place: 'answered' }, beat)) === 'fail' ? failed() : answer
  }
  const detail = 'the proof keeps the answer'
  const away = () => ({ kind: 'unavailable', retryAt: Date.now(), detail }) as const
  // What is let through late gets there however long its caller has been gone.
  const late = () => AbortSignal.timeout(30_000)
  return {
    open: async (use, target) => await through(async () => await gateway.open(use, target, late()), away),
    revoke: async (use) => await through(async () => await gateway.revoke(use, late()), away),
    closeDoors: async (doors) => await through(async () => await gateway.closeDoors(doors, late()), away),
    removeAccount: async (deploymentId, accountId) =>
      await through(async () => await gateway.removeAccount(deploymentId, accountId, late()), away),
    listLive: async (doors) => await through(async () => await gateway.listLive(doors, late()), away),
    kill: async (id) => await through(async () => await gateway.kill(id, late()), away),
    cutAll: async (deploymentId) => await through(async () => await gateway.cutAll(deploymentId, late()), away),
    async *list(deploymentId) {
      const listed = await through(
        async () => await all(gateway.list(deploymentId, late())),
        () => null,
      )
      if (listed === null) throw new AccessUnreachable(detail, Date.now())
      yield* listed
    },
    close: async () => await gateway.close(),
  }
}
