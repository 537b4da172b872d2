import type { Target } from '../../platform/target.ts'
import { connectPinned, NotPinned } from '../../ports/access/pinned.ts'
import { openBridge } from './bridge.ts'
import type { BridgeSettings } from './bridge.ts'
import type { Bridging } from './opening.ts'

/**
 * The way to a desk that speaks TLS with one certificate: guacd can hold none against a pin, so the gateway connects, and guacd comes
 * through it. `locate` says where the desk is, checked anew at each connection. What is not the desk is told nothing.
 */
export function bridgingTo(locate: () => Promise<Target>, settings: BridgeSettings): Bridging {
  return async (ends, signal) => {
    const target = await locate().catch(() => ({ kind: 'nobody can say where it is' }) as const)
    if (target.kind !== 'address') return { kind: 'failed', end: 'desktop_unreachable', detail: target.kind }
    const { host, port, fingerprint } = target
    if (fingerprint === undefined) return { kind: 'failed', end: 'desktop_unreachable', detail: 'its pin is gone' }
    try {
      const desk = await connectPinned({ host, port, fingerprint }, signal)
      desk.setNoDelay(true).setKeepAlive(true, keepAliveMs)
      return { kind: 'bridge', bridge: await openBridge(desk, ends, settings) }
    } catch (error) {
      if (signal.aborted) return { kind: 'failed', end: 'left', detail: 'withdrawn' }
      if (error instanceof NotPinned) return { kind: 'failed', end: 'desktop_unreachable', detail: error.message }
      return { kind: 'failed', end: 'guacd_unreachable', detail: 'the gateway cannot listen where guacd would come' }
    }
  }
}

/** A node that went without a word is noticed by that. */
const keepAliveMs = 30_000
