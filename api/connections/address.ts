import type { StoredEndpoint } from '../../db/schema.ts'
import type { DoorSpec } from '../../domain/template.ts'

/** The instance's own address for a door, its secret filled in. `null`: the instance does not answer on the door's port. */
export function directUrl(door: DoorSpec, endpoints: readonly StoredEndpoint[], secret: () => string): string | null {
  const endpoint = endpoints.find((e) => e.port === door.port)
  // A browser holds no certificate against a pin.
  if (endpoint === undefined || endpoint.fingerprint !== undefined) return null
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  const path = door.path ?? '/'
  const filled = path.includes('{secret}') ? path.replaceAll('{secret}', () => encodeURIComponent(secret())) : path
  return `${door.protocol}://${host}:${endpoint.hostPort}${filled}`
}
