import pg from 'pg'
import { quietMs } from './connect.ts'

export const channels = [
  'carrel_event',
  'carrel_wake',
  'carrel_provider',
  'carrel_reconciliation',
  'carrel_provider_check',
  'carrel_access',
  'carrel_catalogue',
  'carrel_invitation',
] as const
export type Channel = (typeof channels)[number]

/** What wakes a process early. Messages may be lost: whoever listens polls as well, and that poll is the truth. */
export interface Listener {
  /** Calls `heard` with each payload, and with '' after a reconnection, when anything may have been missed. Returns the way to stop. */
  on(channel: Channel, heard: (payload: string) => void): () => void
  close(): Promise<void>
}

const reconnectMs = 1_000

/** One connection outside every pool that listens on all channels, and comes back by itself. */
export function createListener(url: string, warn: (message: string) => void = () => {}): Listener {
  const hearers = new Map<Channel, Set<(payload: string) => void>>(channels.map((c) => [c, new Set()]))
  let client: pg.Client | null = null
  let retry: NodeJS.Timeout | null = null
  let closed = false

  const tell = (channel: string, payload: string) => {
    for (const [name, set] of hearers) if (name === channel) for (const heard of set) heard(payload)
  }
  const lost = (gone: pg.Client) => {
    // A connection may end long after it was given up: another one listens by then.
    if (client !== gone) return
    client = null
    if (closed) return
    retry = setTimeout(() => {
      retry = null
      void open()
    }, reconnectMs)
  }
  const open = async () => {
    const fresh = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: quietMs,
      application_name: 'carrel-listen',
    })
    client = fresh
    fresh.on('notification', (message) => tell(message.channel, message.payload ?? ''))
    fresh.on('error', () => {})
    fresh.on('end', () => lost(fresh))
    try {
      await fresh.connect()
      for (const channel of channels) await fresh.query(`listen ${channel}`)
      for (const channel of channels) tell(channel, '')
    } catch {
      warn('The listening connection to Postgres failed; trying again.')
      lost(fresh)
      fresh.end().catch(() => {})
    }
  }
  void open()

  return {
    on(channel, heard) {
      hearers.get(channel)?.add(heard)
      return () => hearers.get(channel)?.delete(heard)
    },
    async close() {
      closed = true
      if (retry !== null) clearTimeout(retry)
      await client?.end().catch(() => {})
    },
  }
}
