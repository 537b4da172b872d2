import { idPattern } from '../../../domain/ids.ts'
import type { AccountId, SessionId } from '../../../domain/ids.ts'
import type { DoorMode } from '../../../domain/template.ts'
import type { SessionDoors } from '../access-gateway.ts'

const doorPattern = /^[a-z][a-z0-9]{0,15}$/
const deploymentPattern = /^[A-Za-z0-9-]{1,64}$/
const connectionPattern = /^([a-z0-9]+)-(\d{1,9})-([a-z0-9]+)(-view)?$/

/** Which door, in which mode, a connection's name says. */
export interface NamedDoor {
  readonly sessionId: SessionId
  readonly generation: number
  readonly door: string
  readonly mode: DoorMode
}

/** The connection group that holds everything of a deployment. */
export const groupName = (deploymentId: string): string => `carrel-${deploymentId}`
export const connectionName = ({ sessionId, generation }: SessionDoors, door: string, mode: DoorMode): string =>
  `${sessionId}-${generation}-${door}${mode === 'view' ? '-view' : ''}`
export const userName = (deploymentId: string, accountId: AccountId): string => `carrel-${deploymentId}-${accountId}`
/** The profile by which others join a connection, without touching anything. */
export const profileName = 'view'

/** Reads a connection's name; `null` for one that we did not write. */
export function namedDoor(name: string): NamedDoor | null {
  const [, sessionId = '', generation, door = '', view] = connectionPattern.exec(name) ?? []
  if (!idPattern.test(sessionId) || !doorPattern.test(door)) return null
  // The pattern is what makes a string a session's id.
  return {
    sessionId: sessionId as SessionId,
    generation: Number(generation),
    door,
    mode: view === undefined ? 'control' : 'view',
  }
}

/** Whose user it is; `null` for one that is not this deployment's. */
export function namedAccount(deploymentId: string, name: string): AccountId | null {
  const prefix = userName(deploymentId, '' as AccountId)
  const id = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  return idPattern.test(id) ? (id as AccountId) : null
}

/** Whether names made of these can be told apart again, and addressed in a path. */
export const nameable = (doors: SessionDoors, door?: string, accountId?: AccountId): boolean =>
  deploymentPattern.test(doors.deploymentId) &&
  idPattern.test(doors.sessionId) &&
  Number.isSafeInteger(doors.generation) &&
  doors.generation > 0 &&
  (door === undefined || doorPattern.test(door)) &&
  (accountId === undefined || idPattern.test(accountId))
export const isDeployment = (deploymentId: string): boolean => deploymentPattern.test(deploymentId)

/** What follows the web client's address to show a connection. */
export const clientPath = (id: string, dataSource: string): string =>
  `#/client/${Buffer.from(`${id}\0c\0${dataSource}`).toString('base64url')}`

/** One tunnel on one node. */
export const tunnelId = (node: string, uuid: string): string => `${node}/${uuid}`
export function namedTunnel(id: string): { readonly node: string; readonly uuid: string } | null {
  const [, node, uuid] = /^([a-z0-9-]+)\/([0-9a-f-]{36})$/.exec(id) ?? []
  return node === undefined || uuid === undefined ? null : { node, uuid }
}
