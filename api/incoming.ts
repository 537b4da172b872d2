import type { AppContext } from './env.ts'

interface Incoming {
  /** Path and query as they were sent. */
  readonly url?: string
  readonly socket?: { readonly remoteAddress?: string }
}

/** The request as the server took it; an app that is asked in process has none. */
export const incomingOf = (c: AppContext): Incoming | undefined =>
  (c.env as { readonly incoming?: Incoming } | undefined)?.incoming

/** The address of who is connected, whatever headers say. */
export const peerOf = (c: AppContext): string | undefined => incomingOf(c)?.socket?.remoteAddress
