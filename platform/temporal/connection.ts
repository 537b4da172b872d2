import { Client, Connection } from '@temporalio/client'
import type { DataConverter } from '@temporalio/common'

export interface TemporalPlace {
  readonly address: string
  readonly namespace: string
}

const connectTimeoutMs = 5_000

/** The client's library would take `http_proxy` for loopback, too. Temporal is near, and workers know no proxy either. */
const channelArgs = { 'grpc.enable_http_proxy': 0 }

/** Connects now. @throws after 5 s when the server does not answer */
export function connectTemporal(place: TemporalPlace): Promise<Connection> {
  return Connection.connect({ address: place.address, connectTimeout: connectTimeoutMs, channelArgs })
}

/**
 * A client whose connection is made by its first call and again whenever it broke: for a process that must come up
 * while Temporal is down. Give each call its deadline with `client.withDeadline`.
 */
export function createTemporalClient(place: TemporalPlace, dataConverter: DataConverter): Client {
  const connection = Connection.lazy({ address: place.address, connectTimeout: connectTimeoutMs, channelArgs })
  return new Client({ connection, namespace: place.namespace, dataConverter })
}
